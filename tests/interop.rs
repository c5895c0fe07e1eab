//! Views of other crates' images are of the same memory, and what does not fit is refused.
#![deny(unsafe_code)] // (The macro `s` has some of its own.)

use embedded_graphics::framebuffer::{Framebuffer, buffer_size};
use embedded_graphics::image::{GetPixel, ImageDrawable, ImageDrawableExt, ImageRaw, ImageRawBE, ImageRawLE};
use embedded_graphics::pixelcolor::raw::{BigEndian, LittleEndian};
use embedded_graphics::pixelcolor::{Gray8, PixelColor, Rgb565, Rgb888};
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use image::{FlatSamples, GenericImageView, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use imgref::{Img, ImgRef, ImgRefMut, ImgVec};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayViewMut2, s};
use nonius::format::{Packed, Rgb565Be, Rgb565Le, Uyvy, Yuyv};
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

/// A display that keeps what is drawn, and asks for it as one area.
struct Display<C> {
    pixels: Vec<Option<C>>,
    areas: Vec<Rectangle>,
}

const SIDE: u32 = 24;

impl<C: PixelColor> Display<C> {
    fn showing(drawable: &impl Drawable<Color = C>) -> Self {
        let mut display = Self { pixels: vec![None; (SIDE * SIDE) as usize], areas: Vec::new() };
        drawable.draw(&mut display).unwrap();
        display
    }
}

impl<C> OriginDimensions for Display<C> {
    fn size(&self) -> Size {
        Size::new_equal(SIDE)
    }
}

impl<C: PixelColor> DrawTarget for Display<C> {
    type Color = C;
    type Error = core::convert::Infallible;
    fn draw_iter<I: IntoIterator<Item = Pixel<C>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(p, color) in pixels {
            assert!(self.bounding_box().contains(p));
            self.pixels[(p.y * SIDE as i32 + p.x) as usize] = Some(color);
        }
        Ok(())
    }
    fn fill_contiguous<I: IntoIterator<Item = C>>(
        &mut self,
        area: &Rectangle,
        colors: I,
    ) -> Result<(), Self::Error> {
        self.areas.push(*area);
        let colors: Vec<C> = colors.into_iter().collect();
        // (A raw image has some to spare.)
        assert!(colors.len() >= (area.size.width * area.size.height) as usize);
        self.draw_iter(area.points().zip(colors).map(|(p, color)| Pixel(p, color)))
    }
}

/// An image of 7 x 5 pixels is drawn and read as the raw image of the same bytes, in whole and in parts.
fn drawn<T, C: PixelColor + core::fmt::Debug, R>(pixels: &[T], raw: &R)
where
    T: Copy + 'static,
    R: ImageDrawable<Color = C> + GetPixel<Color = C>,
    for<'a> Image<'a, T>: ImageDrawable<Color = C> + GetPixel<Color = C>,
{
    use embedded_graphics::image::Image as Drawing;
    let image = Image::new(pixels, 7, 5).unwrap();
    assert_eq!(OriginDimensions::size(&image), Size::new(7, 5));
    for p in Rectangle::new(Point::new(-1, -2), Size::new(10, 9)).points() {
        assert_eq!(image.pixel(p), raw.pixel(p), "{p}");
    }
    let at = Point::new(9, 3);
    let (here, there) =
        (Display::showing(&Drawing::new(&image, at)), Display::showing(&Drawing::new(raw, at)));
    assert_eq!((here.pixels, &here.areas), (there.pixels, &vec![Rectangle::new(at, Size::new(7, 5))]));

    let parts = [(0, 0, 7, 5), (2, 1, 3, 4), (6, 4, 1, 1), (-1, 0, 3, 3), (5, 0, 3, 1), (0, 0, 0, 2)];
    for (x, y, width, height) in parts {
        let area = Rectangle::new(Point::new(x, y), Size::new(width, height));
        let here = image.sub_image(&area);
        let there = raw.sub_image(&area);
        let here = Display::showing(&Drawing::new(&here, at));
        assert_eq!(here.pixels, Display::showing(&Drawing::new(&there, at)).pixels, "{area:?}");
    }
    // A view, whose rows have a gap, as a part of the whole.
    let view = image.view(2, 1, 3, 4).unwrap();
    let part = raw.sub_image(&Rectangle::new(Point::new(2, 1), Size::new(3, 4)));
    let here = Display::showing(&Drawing::new(&view, at));
    assert_eq!(here.pixels, Display::showing(&Drawing::new(&part, at)).pixels);
}

#[test]
fn drawings() {
    let bytes: Vec<u8> = (0..3 * 35).map(|i| (i * 37 % 251) as u8).collect();
    drawn(&bytes[..35], &ImageRaw::<Gray8>::new(&bytes[..35], 7));
    drawn(bytes.as_chunks::<3>().0, &ImageRawBE::<Rgb888>::new(&bytes, 7));
    drawn(Packed::<Rgb565Le>::pixels(&bytes[..70]), &ImageRawLE::<Rgb565>::new(&bytes[..70], 7));
    drawn(Packed::<Rgb565Be>::pixels(&bytes[..70]), &ImageRawBE::<Rgb565>::new(&bytes[..70], 7));
    let luma: Vec<u8> = bytes[..70].iter().copied().step_by(2).collect();
    drawn(Packed::<Yuyv>::pixels(&bytes[..70]), &ImageRaw::<Gray8>::new(&luma, 7));
    let luma: Vec<u8> = bytes[..70].iter().copied().skip(1).step_by(2).collect();
    drawn(Packed::<Uyvy>::pixels(&bytes[..70]), &ImageRaw::<Gray8>::new(&luma, 7));
}

#[test]
fn framebuffers() {
    let mut grey = Framebuffer::<Gray8, _, LittleEndian, 5, 3, { buffer_size::<Gray8>(5, 3) }>::new();
    let first = grey.data().as_ptr();
    *ImageMut::try_from(&mut grey).unwrap().get_mut(4, 2).unwrap() = 9;
    assert_eq!(grey.pixel(Point::new(4, 2)), Some(Gray8::new(9)));
    lies(&Image::try_from(&grey).unwrap(), first, [5, 3, 5]);

    // Room for more than the pixels.
    let mut colour = Framebuffer::<Rgb888, _, BigEndian, 5, 3, 50>::new();
    *ImageMut::try_from(&mut colour).unwrap().get_mut(4, 2).unwrap() = [1, 2, 3];
    assert_eq!(colour.pixel(Point::new(4, 2)), Some(Rgb888::new(1, 2, 3)));
    lies(&Image::<[u8; 3]>::try_from(&colour).unwrap(), colour.data().as_ptr(), [5, 3, 5]);

    const N: usize = buffer_size::<Rgb565>(5, 3);
    let mut low = Framebuffer::<Rgb565, _, LittleEndian, 5, 3, N>::new();
    low.set_pixel(Point::new(4, 2), Rgb565::CSS_DARK_ORANGE);
    let here = Image::<Packed<Rgb565Le>>::try_from(&low).unwrap();
    lies(&here, low.data().as_ptr(), [5, 3, 5]);
    assert_eq!(here.pixel(Point::new(4, 2)), Some(Rgb565::CSS_DARK_ORANGE));
    let mut high = Framebuffer::<Rgb565, _, BigEndian, 5, 3, N>::new();
    high.set_pixel(Point::new(4, 2), Rgb565::CSS_DARK_ORANGE);
    let there = Image::<Packed<Rgb565Be>>::try_from(&high).unwrap();
    assert_eq!(there.pixel(Point::new(4, 2)), Some(Rgb565::CSS_DARK_ORANGE));
    assert_eq!(there.get(4, 2).unwrap().luma(), here.get(4, 2).unwrap().luma());
    assert_ne!(there.get(4, 2).unwrap().bytes(), here.get(4, 2).unwrap().bytes());

    let empty = Framebuffer::<Gray8, _, LittleEndian, 0, 3, 0>::new();
    assert_eq!(Image::<u8>::try_from(&empty).unwrap_err(), Error::Empty);
}
