//! Bytes seen as pixels of two bytes each, and back: the same memory, no copy.

use crate::format::Packed;

/// Bytes as pixels. The last of an odd number is left out.
pub(crate) const fn pixels<F>(bytes: &[u8]) -> &[Packed<F>] {
    // SAFETY: a transparent wrapper around two bytes, which may be any; so many pairs are there, and are
    // borrowed as long.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / 2) }
}

/// Writable bytes as pixels. The last of an odd number is left out.
pub(crate) const fn pixels_mut<F>(bytes: &mut [u8]) -> &mut [Packed<F>] {
    // SAFETY: as in `pixels`; whatever is written as a pixel is two bytes.
    unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len() / 2) }
}

/// Writable pixels as bytes.
pub(crate) const fn bytes_mut<F>(pixels: &mut [Packed<F>]) -> &mut [u8] {
    // SAFETY: as in `pixels`; whatever bytes are written are pixels.
    unsafe { core::slice::from_raw_parts_mut(pixels.as_mut_ptr().cast(), size_of_val(pixels)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Yuyv;

    #[test]
    fn the_same_memory_and_no_more() {
        assert_eq!((size_of::<Packed<Yuyv>>(), align_of::<Packed<Yuyv>>()), (2, 1));
        let mut bytes = [9_u8, 1, 2, 3, 4, 5];
        // At any address, of any length.
        for (from, to) in [(0, 0), (0, 1), (0, 6), (1, 6), (1, 4), (3, 5)] {
            let before = bytes;
            let here = bytes[from..to].as_ptr_range();
            let view: &[Packed<Yuyv>] = pixels(&bytes[from..to]);
            assert_eq!(view.len(), (to - from) / 2);
            assert_eq!(view.as_ptr().cast(), here.start);
            assert!(view.iter().zip(bytes[from..to].chunks_exact(2)).all(|(p, b)| p.bytes() == b));
            let view: &mut [Packed<Yuyv>] = pixels_mut(&mut bytes[from..to]);
            let len = view.len();
            for pixel in view.iter_mut() {
                *pixel = Packed::new([pixel.bytes()[1], pixel.bytes()[0]]);
            }
            let back = bytes_mut(view);
            assert_eq!((back.as_ptr(), back.len()), (here.start, 2 * len));
            for pair in back.chunks_exact_mut(2) {
                pair.swap(0, 1);
            }
            assert_eq!(bytes, before);
        }
    }
}
