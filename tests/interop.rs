//! Views of other crates' images are of the same memory, and what does not fit is refused.
#![deny(unsafe_code)] // (The macro `s` has some of its own.)

use image::{FlatSamples, GenericImageView, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use imgref::{Img, ImgRef, ImgRefMut, ImgVec};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayViewMut2, s};
use nonius::stn::{Tensor, TensorMut};
use nonius::{Error, Image, ImageMut, Planes, PlanesMut};

/// That an image lies in this memory, and how.
fn lies<T, U>(image: &Image<'_, T>, first: *const U, size: [usize; 3]) {
    assert_eq!(image.row(0).as_ptr().cast(), first);
    assert_eq!([image.width(), image.height(), image.stride()], size);
}

macro_rules! buffers {
    ($($name:ident: $pixel:ident, $sample:ty, $here:ty, $nine:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut buffer = ImageBuffer::<$pixel<$sample>, _>::new(5, 3);
            let first = buffer.as_raw().as_ptr();
            let image: Image<'_, $here> = (&buffer).try_into().unwrap();
            lies(&image, first, [5, 3, 5]);
            // And back.
            let back: ImageBuffer<$pixel<$sample>, &[$sample]> = image.try_into().unwrap();
            assert_eq!((back.as_raw().as_ptr(), back.dimensions()), (first, (5, 3)));
            assert_eq!(back.as_raw().len(), buffer.as_raw().len());
            let row = image.view(1, 1, 3, 1).unwrap();
            let row: ImageBuffer<$pixel<$sample>, &[$sample]> = row.try_into().unwrap();
            assert_eq!(row.dimensions(), (3, 1));

            let here: ImageMut<'_, $here> = (&mut buffer).try_into().map(|mut image: ImageMut<'_, $here>| {
                *image.get_mut(4, 2).unwrap() = $nine;
                image
            }).unwrap();
            assert_eq!(here.width(), 5);
            let nine = $pixel([9 as $sample; <$pixel<$sample> as image::Pixel>::CHANNEL_COUNT as usize]);
            assert_eq!(buffer.get_pixel(4, 2), &nine);

            // A part, which has gaps between its rows.
            let image: Image<'_, $here> = (&buffer).try_into().unwrap();
            let part = image.view(2, 1, 3, 2).unwrap();
            let refused: Result<ImageBuffer<$pixel<$sample>, &[$sample]>, _> = part.try_into();
            assert_eq!(refused.unwrap_err(), Error::Stride);
            let flat = FlatSamples::from(part);
            let view = flat.as_view::<$pixel<$sample>>().unwrap();
            assert_eq!((view.dimensions(), view.get_pixel(2, 1)), ((3, 2), nine));

            let empty = ImageBuffer::<$pixel<$sample>, Vec<$sample>>::new(0, 3);
            assert_eq!(Image::<'_, $here>::try_from(&empty).unwrap_err(), Error::Empty);
            let wide = ImageBuffer::<$pixel<$sample>, Vec<$sample>>::new(40_000, 1);
            assert_eq!(Image::<'_, $here>::try_from(&wide).unwrap_err(), Error::TooLarge);
        }
    )*};
}
buffers! {
    gray: Luma, u8, u8, 9;
    gray_alpha: LumaA, u16, [u16; 2], [9; 2];
    rgb: Rgb, u8, [u8; 3], [9; 3];
    rgba: Rgba, u8, [u8; 4], [9; 4];
    deep: Luma, u16, u16, 9;
    real: Luma, f32, f32, 9.0;
    real_rgb: Rgb, f32, [f32; 3], [9.0; 3];
}

#[test]
fn references() {
    let mut image: ImgVec<u8> = Img::new((0..28).collect(), 7, 4);
    let part = image.sub_image(2, 1, 4, 3);
    let here = Image::try_from(part).unwrap();
    lies(&here, part.buf().as_ptr(), [4, 3, 7]);
    assert_eq!(here.row(2), [23, 24, 25, 26]);
    let back = ImgRef::from(here);
    assert_eq!(back.rows().next_back().unwrap(), [23, 24, 25, 26]);
    assert!(part.pixels().eq(back.pixels()));
    // A slice that goes on below the image is cut by its height.
    let longer = Image::new(image.buf(), 7, 2).unwrap();
    assert_eq!(ImgRef::from(longer).pixels().count(), 14);

    let mut here = ImageMut::try_from(image.sub_image_mut(2, 1, 4, 3)).unwrap();
    *here.get_mut(0, 2).unwrap() = 99;
    let mut back = ImgRefMut::from(here);
    back[(1_usize, 2_usize)] = 98;
    assert_eq!(image.buf()[21..26], [21, 22, 99, 98, 25]);

    let wide: ImgVec<u8> = Img::new(vec![0; 40_000], 40_000, 1);
    assert_eq!(Image::try_from(wide.as_ref()).unwrap_err(), Error::TooLarge);
}

#[test]
fn arrays() {
    let mut array = Array2::from_shape_fn((3, 5), |(y, x)| (10 * y + x) as i16);
    let here = Image::try_from(array.view()).unwrap();
    lies(&here, array.as_ptr(), [5, 3, 5]);
    let part = here.view(1, 1, 3, 2).unwrap();
    let back = ArrayView2::try_from(part).unwrap();
    assert_eq!(back, array.slice(s![1..3, 1..4]));
    assert_eq!(back.as_ptr(), part.row(0).as_ptr());
    let longer = Image::new(array.as_slice().unwrap(), 5, 2).unwrap();
    assert_eq!(ArrayView2::try_from(longer).unwrap(), array.slice(s![..2, ..]));

    // What lies between rows is somebody else's; steps, mirrors and transposes are no rows.
    for view in [
        array.slice(s![.., 1..4]),
        array.slice(s![.., ..;2]),
        array.slice(s![..;-1, ..]),
        array.slice(s![.., ..;-1]),
        array.t(),
    ] {
        assert_eq!(Image::try_from(view).unwrap_err(), Error::Stride);
    }
    assert_eq!(Image::try_from(array.slice(s![..0, ..])).unwrap_err(), Error::Empty);
    lies(&Image::try_from(array.slice(s![1.., ..])).unwrap(), &array[(1, 0)], [5, 2, 5]);

    let mut here = ImageMut::try_from(array.view_mut()).unwrap();
    let part = here.view_mut(1, 1, 3, 2).unwrap();
    let mut back = ArrayViewMut2::try_from(part).unwrap();
    back[(1, 2)] = 99;
    assert_eq!(array[(2, 3)], 99);
}

#[test]
fn arrays_of_channels_and_batches() {
    let mut array = Array3::from_shape_fn((4, 5, 3), |(y, x, c)| (100 * y + 10 * x + c) as u16);
    let here = Image::<'_, [u16; 3]>::try_from(array.view()).unwrap();
    lies(&here, array.as_ptr(), [5, 4, 5]);
    assert_eq!(here.get(2, 3), Some([320, 321, 322]));
    assert_eq!(Image::<'_, [u16; 4]>::try_from(array.view()).unwrap_err(), Error::SizeMismatch);
    let refused = Image::<'_, [u16; 3]>::try_from(array.slice(s![.., 1.., ..])).unwrap_err();
    assert_eq!(refused, Error::Stride);
    let none = Array3::<u8>::zeros((4, 5, 0));
    assert!(Image::<'_, [u8; 3]>::try_from(none.view()).is_err());
    *ImageMut::<'_, [u16; 3]>::try_from(array.view_mut()).unwrap().get_mut(1, 1).unwrap() = [7, 8, 9];
    assert_eq!(array.slice(s![1, 1, ..]).to_vec(), [7, 8, 9]);

    // The same numbers as four planes.
    let planes = Planes::try_from(array.view()).unwrap();
    assert_eq!((planes.count(), planes.get(3).unwrap().get(2, 4)), (4, Some(342)));
    *PlanesMut::try_from(array.view_mut()).unwrap().get_mut(3).unwrap().get_mut(2, 4).unwrap() = 5;
    assert_eq!(array[(3, 4, 2)], 5);

    let mut array = Array4::from_shape_fn((2, 3, 4, 5), |(n, c, y, x)| (60 * n + 20 * c + 5 * y + x) as f32);
    let tensor = Tensor::try_from(array.view()).unwrap();
    assert_eq!((tensor.shape(), tensor.row(1, 2, 3)[4]), ([2, 3, 4, 5], 119.0));
    TensorMut::try_from(array.view_mut()).unwrap().row_mut(1, 0, 2)[3] = -1.0;
    assert_eq!(array[(1, 0, 2, 3)], -1.0);
    assert_eq!(Tensor::try_from(array.slice(s![.., ..;2, .., ..])).unwrap_err(), Error::Stride);
}
