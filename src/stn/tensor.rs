//! Batches of planes: a caller's slice with a shape (N, C, H, W) and strides, checked once.
#![forbid(unsafe_code)]

use crate::Error;
use crate::image::{Image, ImageMut, MAX_SIDE};

/// N, C, H, W: batch, channels, rows, columns. All at least 1; rows and columns at most
/// [`MAX_SIDE`].
pub type Shape = [usize; 4];

/// Elements from one item of the batch, channel and row to the next. Columns follow each other.
pub type Strides = [usize; 3];

/// The strides of a tensor without gaps; zero where they overflow, which [`check`] refuses.
const fn dense([_, c, h, w]: Shape) -> Strides {
    let plane = h.saturating_mul(w);
    [c.saturating_mul(plane), plane, w]
}

/// Whether planes may have this height and width.
pub(super) fn check_sides(sides: [usize; 2]) -> Result<(), Error> {
    match sides {
        [0, _] | [_, 0] => Err(Error::Empty),
        [h, w] if h > MAX_SIDE || w > MAX_SIDE => Err(Error::TooLarge),
        _ => Ok(()),
    }
}

/// Whether such a tensor lies in a slice of this length.
fn check([n, c, h, w]: Shape, [sn, sc, sh]: Strides, found: usize) -> Result<(), Error> {
    if n == 0 || c == 0 {
        return Err(Error::Empty);
    }
    check_sides([h, w])?;
    if sh < w {
        return Err(Error::Stride);
    }
    let last = [(n, sn), (c, sc), (h, sh)]
        .iter()
        .try_fold(w, |end: usize, &(count, stride)| end.checked_add(stride.checked_mul(count - 1)?));
    match last {
        Some(needed) if needed > isize::MAX as usize => Err(Error::TooLarge),
        Some(needed) if needed > found => Err(Error::TooShort { needed, found }),
        Some(_) => Ok(()),
        None => Err(Error::TooLarge),
    }
}

/// Whether no two rows share an element: in order of their strides, each is at least as long as
/// what lies within it.
fn disjoint([n, c, h, w]: Shape, [sn, sc, sh]: Strides) -> bool {
    let axes = [(sn, n), (sc, c), (sh, h)];
    let [mut a, mut b, mut c] = axes.map(|(stride, count)| if count == 1 { (0, 1) } else { (stride, count) });
    for _ in 0..2 {
        if a > b {
            core::mem::swap(&mut a, &mut b);
        }
        if b > c {
            core::mem::swap(&mut b, &mut c);
        }
    }
    let mut end = w;
    [a, b, c].iter().all(|&(stride, count)| {
        let apart = count == 1 || stride >= end;
        end = end.saturating_add(stride.saturating_mul(count - 1));
        apart
    })
}

/// Where a row begins, if there is such a row.
fn row_start([n, c, h, _]: Shape, [sn, sc, sh]: Strides, [i, j, y]: [usize; 3]) -> Option<usize> {
    (i < n && j < c && y < h).then(|| i * sn + j * sc + y * sh)
}

/// A read-only batch of planes over a caller's slice.
///
/// ```
/// use nonius::Error;
/// use nonius::stn::Tensor;
/// let data = [0u8, 1, 2, 3, 4, 5, 6, 7];
/// let tensor = Tensor::new(&data, [1, 2, 2, 2])?;
/// assert_eq!(tensor.row(0, 1, 0), [4, 5]);
/// // The same plane for each item of a batch of three:
/// let repeated = Tensor::with_strides(&data, [3, 2, 2, 2], [0, 4, 2])?;
/// assert_eq!(repeated.row(2, 1, 0), [4, 5]);
/// assert_eq!(Tensor::new(&data, [1, 0, 2, 2]).unwrap_err(), Error::Empty);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Tensor<'a, T> {
    data: &'a [T],
    shape: Shape,
    strides: Strides,
}

impl<T> Clone for Tensor<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Tensor<'_, T> {}

impl<'a, T> Tensor<'a, T> {
    /// A tensor without gaps: the layout of a contiguous NCHW tensor.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::TooShort`].
    pub fn new(data: &'a [T], shape: Shape) -> Result<Self, Error> {
        Self::with_strides(data, shape, dense(shape))
    }

    /// A tensor with gaps, or with planes that repeat (a stride of 0 for N or C).
    ///
    /// # Errors
    /// As [`Self::new`], and [`Error::Stride`] if rows overlap within a plane.
    pub fn with_strides(data: &'a [T], shape: Shape, strides: Strides) -> Result<Self, Error> {
        check(shape, strides, data.len())?;
        Ok(Self { data, shape, strides })
    }

    /// N, C, H, W.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Row `y` of plane (`n`, `c`); empty outside of the tensor.
    #[inline]
    pub fn row(&self, n: usize, c: usize, y: usize) -> &'a [T] {
        let start = row_start(self.shape, self.strides, [n, c, y]);
        start.and_then(|start| self.data.get(start..)?.get(..self.shape[3])).unwrap_or(&[])
    }

    /// Plane (`n`, `c`), or `None` outside of the tensor.
    #[inline]
    pub fn plane(&self, n: usize, c: usize) -> Option<Image<'a, T>> {
        let ([_, _, h, w], [_, _, stride]) = (self.shape, self.strides);
        let start = row_start(self.shape, self.strides, [n, c, 0])?;
        Image::with_stride(self.data.get(start..)?, w, h, stride).ok()
    }
}

/// A writable batch of planes over a caller's slice, no two of which share an element. What lies
/// between rows is never written. See [`Tensor`].
#[derive(Debug)]
pub struct TensorMut<'a, T> {
    data: &'a mut [T],
    shape: Shape,
    strides: Strides,
}

impl<'a, T> TensorMut<'a, T> {
    /// As [`Tensor::new`].
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn new(data: &'a mut [T], shape: Shape) -> Result<Self, Error> {
        Self::with_strides(data, shape, dense(shape))
    }

    /// As [`Tensor::with_strides`], but without repetition.
    ///
    /// # Errors
    /// As [`Tensor::new`], and [`Error::Stride`] unless, with N, C and H in the order of their
    /// strides, each stride is at least as long as all that lies within it.
    pub fn with_strides(data: &'a mut [T], shape: Shape, strides: Strides) -> Result<Self, Error> {
        check(shape, strides, data.len())?;
        if !disjoint(shape, strides) {
            return Err(Error::Stride);
        }
        Ok(Self { data, shape, strides })
    }

    /// N, C, H, W.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// The same planes, to read.
    pub const fn as_tensor(&self) -> Tensor<'_, T> {
        Tensor { data: self.data, shape: self.shape, strides: self.strides }
    }

    /// The same planes, borrowed for a shorter time.
    pub const fn reborrow(&mut self) -> TensorMut<'_, T> {
        TensorMut { data: self.data, shape: self.shape, strides: self.strides }
    }

    /// Of N, C and H the axis along which the tensor can be cut in two: what is below an index along it
    /// comes before the rest in memory. And how long it is.
    pub(super) fn outer(&self) -> (usize, usize) {
        let ([n, c, h, _], [sn, sc, sh]) = (self.shape, self.strides);
        // The largest stride of more than one place spans all the others.
        let axes = [(sn, n), (sc, c), (sh, h)].into_iter().enumerate().filter(|&(_, (_, count))| count > 1);
        axes.max_by_key(|&(_, (stride, _))| stride).map_or((0, 1), |(axis, (_, count))| (axis, count))
    }

    /// The parts below index `at` of an [outer](Self::outer) axis, and from there on.
    #[cfg_attr(not(feature = "rayon"), allow(dead_code))]
    pub(super) fn split(self, axis: usize, at: usize) -> (Self, Self) {
        let stride = self.strides.get(axis).copied().unwrap_or(0);
        let (below, above) = self.data.split_at_mut((stride * at).min(self.data.len()));
        let part = |data, count| {
            let mut shape = self.shape;
            if let Some(side) = shape.get_mut(axis) {
                *side = count;
            }
            Self { data, shape, strides: self.strides }
        };
        let count = self.shape.get(axis).copied().unwrap_or(0);
        (part(below, at), part(above, count.saturating_sub(at)))
    }

    /// Row `y` of plane (`n`, `c`); empty outside of the tensor.
    #[inline]
    pub fn row_mut(&mut self, n: usize, c: usize, y: usize) -> &mut [T] {
        let start = row_start(self.shape, self.strides, [n, c, y]);
        let width = self.shape[3];
        start.and_then(|start| self.data.get_mut(start..)?.get_mut(..width)).unwrap_or(&mut [])
    }

    /// Plane (`n`, `c`), or `None` outside of the tensor.
    #[inline]
    pub fn plane_mut(&mut self, n: usize, c: usize) -> Option<ImageMut<'_, T>> {
        let ([_, _, h, w], [_, _, stride]) = (self.shape, self.strides);
        let start = row_start(self.shape, self.strides, [n, c, 0])?;
        ImageMut::with_stride(self.data.get_mut(start..)?, w, h, stride).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn layouts_are_checked() {
        let data = [0u8; 24];
        let new = |shape| Tensor::new(&data, shape).map(|_| ());
        assert_eq!(new([2, 3, 2, 2]), Ok(()));
        assert_eq!(new([2, 3, 2, 3]), Err(Error::TooShort { needed: 36, found: 24 }));
        for axis in 0..4 {
            let mut shape = [1; 4];
            shape[axis] = 0;
            assert_eq!(new(shape), Err(Error::Empty));
        }
        assert_eq!(new([1, 1, 1, MAX_SIDE + 1]), Err(Error::TooLarge));
        for axis in 0..2 {
            let mut shape = [1; 4];
            shape[axis] = usize::MAX;
            assert!(new(shape).is_err());
            let strides = Tensor::with_strides(&data, shape, [usize::MAX; 3]).map(|_| ());
            assert_eq!(strides, Err(Error::TooLarge));
        }
        assert_eq!(Tensor::with_strides(&data, [1, 1, 2, 3], [0, 0, 2]).map(|_| ()), Err(Error::Stride));
        // Sides of one need no stride.
        assert!(Tensor::with_strides(&data, [1, 1, 1, 3], [usize::MAX, usize::MAX, 3]).is_ok());
    }

    #[test]
    fn writable_planes_are_apart() {
        let shape = [2, 3, 4, 5];
        let accepted = |strides| TensorMut::with_strides(&mut [0u8; 400], shape, strides).is_ok();
        let reached = |[sn, sc, sh]: Strides| {
            let mut all: Vec<usize> =
                (0..2 * 3 * 4 * 5).map(|i| i / 60 * sn + i / 20 % 3 * sc + i / 5 % 4 * sh + i % 5).collect();
            all.sort_unstable();
            all.windows(2).all(|p| p[0] != p[1])
        };
        // Planar, rows of channels in turn, batch innermost, gaps, and overlaps.
        for (strides, expected) in [
            ([60, 20, 5], true),
            ([60, 5, 15], true),
            ([5, 10, 30], true),
            ([80, 21, 5], true),
            ([0, 20, 5], false),
            ([60, 19, 5], false),
            ([60, 4, 15], false),
        ] {
            assert_eq!((accepted(strides), reached(strides)), (expected, expected), "{strides:?}");
        }
    }

    #[test]
    fn rows_and_planes() {
        let data: [u8; 120] = core::array::from_fn(|i| i as u8);
        let tensor = Tensor::with_strides(&data, [2, 3, 4, 5], [60, 5, 15]).unwrap();
        assert_eq!(tensor.row(1, 2, 3), [115, 116, 117, 118, 119]);
        assert_eq!(tensor.plane(1, 2).unwrap().get(4, 3), Some(119));
        assert_eq!(tensor.row(2, 0, 0), []);
        assert_eq!(tensor.row(0, 0, 4), []);
        assert!(tensor.plane(0, 3).is_none());
    }
}
