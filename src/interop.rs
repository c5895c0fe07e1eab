//! Views of other crates' images, without copying: features `embedded-graphics`, `image`, `imgref` and
//! `ndarray`.
//!
//! In: an image of theirs. Out: an [`Image`] or [`ImageMut`] of the same memory, or the other way
//! round, by `From` and `TryFrom`. What does not fit is an [`Error`]: an empty image, one of more than
//! [`MAX_SIDE`](crate::MAX_SIDE) pixels along a side, pixels that do not follow each other in a row.
//!
//! | crate | there | here |
//! |---|---|---|
//! | `image` | `ImageBuffer` of `Luma`, `LumaA`, `Rgb`, `Rgba` | `Image` of `T`, `[T; 2]`, `[T; 3]`, `[T; 4]` |
//! | | `FlatSamples`, from any of those, with stride | the same |
//! | `imgref` | `ImgRef`, `ImgRefMut`, with stride | `Image`, `ImageMut` |
//! | `ndarray` | (rows, columns) | `Image` of `T` |
//! | | (rows, columns, channels) | `Image` of `[T; C]` |
//! | | (planes, rows, columns) | [`Planes`](crate::Planes) of `T` |
//! | | (batch, channels, rows, columns) | [`Tensor`](crate::stn::Tensor) of `T` |
//! | `embedded-graphics` | `Framebuffer` of `Gray8`, `Rgb888` (big endian) | `Image`, `ImageMut` of `u8`, `[u8; 3]` |
//! | | `Framebuffer` of `Rgb565` | `Image` of [`Packed`](crate::format::Packed) |
//! | | `ImageDrawable` and `GetPixel` of `Gray8`, `Rgb888`, `Rgb565` | are implemented by such an `Image`; YUV422 is drawn in `Gray8` |
//!
//! Views of `ndarray` must be contiguous: what lies between the rows of any other may be borrowed by
//! somebody else. Of a part of an array, take the whole array and a [view](Image::view) of the image.
#![forbid(unsafe_code)]

use crate::{Error, Image, ImageMut};

#[cfg(feature = "embedded-graphics")]
mod embedded_graphics {
    //! ```
    //! use embedded_graphics::framebuffer::{Framebuffer, buffer_size};
    //! use embedded_graphics::pixelcolor::{Gray8, Rgb565, raw::LittleEndian};
    //! use embedded_graphics::{image::{GetPixel, Image as Drawing}, prelude::*};
    //! use nonius::{Bilinear, Boundary, Image, ImageMut, Sampler, Translation};
    //!
    //! let camera: [u8; 16 * 12] = core::array::from_fn(|i| i as u8);
    //! let frame = Image::new(&camera, 16, 12)?;
    //!
    //! // Warped into a framebuffer.
    //! let mut grey = Framebuffer::<Gray8, _, LittleEndian, 8, 6, { buffer_size::<Gray8>(8, 6) }>::new();
    //! let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    //! sampler.warp(frame, &mut ImageMut::try_from(&mut grey)?, &Translation::new(2.5, 1.0)?)?;
    //! assert_eq!(grey.pixel(Point::new(0, 0)), Some(Gray8::new(16 + 3)));
    //!
    //! // Drawn on a display, here in colour, with its top left corner at (3, 2).
    //! let mut display = Framebuffer::<Rgb565, _, LittleEndian, 32, 24, { buffer_size::<Rgb565>(32, 24) }>::new();
    //! Drawing::new(&frame, Point::new(3, 2)).draw(&mut display.color_converted()).unwrap();
    //! assert_eq!(display.pixel(Point::new(3 + 15, 2 + 11)), Some(Gray8::new(191).into()));
    //! # Ok::<(), nonius::Error>(())
    //! ```
    use ::embedded_graphics::draw_target::DrawTarget;
    use ::embedded_graphics::framebuffer::Framebuffer;
    use ::embedded_graphics::geometry::{Dimensions, OriginDimensions, Point, Size};
    use ::embedded_graphics::image::{GetPixel, ImageDrawable};
    use ::embedded_graphics::pixelcolor::raw::{BigEndian, LittleEndian, RawU8, RawU16, RawU24};
    use ::embedded_graphics::pixelcolor::{Gray8, Rgb565, Rgb888};
    use ::embedded_graphics::primitives::Rectangle;

    use super::{Error, Image, ImageMut};
    use crate::format::{Packed, Rgb565Be, Rgb565Le, Uyvy, Yuyv};

    impl<T> OriginDimensions for Image<'_, T> {
        fn size(&self) -> Size {
            Size::new(self.width() as u32, self.height() as u32)
        }
    }

    /// The part of an image in an area, unless that sticks out.
    fn part<'a, T>(image: &Image<'a, T>, area: &Rectangle) -> Option<Image<'a, T>> {
        let number = |v: i32| usize::try_from(v).ok();
        let side = |v: u32| usize::try_from(v).ok();
        let (Point { x, y }, Size { width, height }) = (area.top_left, area.size);
        image.view(number(x)?, number(y)?, side(width)?, side(height)?).ok()
    }

    macro_rules! drawn {
        ($($pixel:ty => $color:ident, $of:expr;)*) => {$(
            impl ImageDrawable for Image<'_, $pixel> {
                type Color = $color;
                fn draw<D: DrawTarget<Color = $color>>(&self, target: &mut D) -> Result<(), D::Error> {
                    target.fill_contiguous(&self.bounding_box(), self.rows().flatten().copied().map($of))
                }
                fn draw_sub_image<D>(&self, target: &mut D, area: &Rectangle) -> Result<(), D::Error>
                where
                    D: DrawTarget<Color = $color>,
                {
                    part(self, area).map_or(Ok(()), |part| part.draw(target))
                }
            }

            impl GetPixel for Image<'_, $pixel> {
                type Color = $color;
                fn pixel(&self, p: Point) -> Option<$color> {
                    self.get(usize::try_from(p.x).ok()?, usize::try_from(p.y).ok()?).map($of)
                }
            }
        )*};
    }
    drawn! {
        u8 => Gray8, Gray8::new;
        [u8; 3] => Rgb888, |[r, g, b]| Rgb888::new(r, g, b);
        Packed<Rgb565Le> => Rgb565, |p| RawU16::new(u16::from_le_bytes(p.bytes())).into();
        Packed<Rgb565Be> => Rgb565, |p| RawU16::new(u16::from_be_bytes(p.bytes())).into();
        Packed<Yuyv> => Gray8, |p| Gray8::new(p.luma());
        Packed<Uyvy> => Gray8, |p| Gray8::new(p.luma());
    }

    macro_rules! framebuffers {
        ($($image:ident ($($mutable:ident)?) [$($order:ident)?] $color:ident, $raw:ident, $byte_order:ident:
            $pixel:ty, $data:ident, $cut:expr;)*) => {$(
            impl<'a, $($order,)? const WIDTH: usize, const HEIGHT: usize, const N: usize>
                TryFrom<&'a $($mutable)? Framebuffer<$color, $raw, $byte_order, WIDTH, HEIGHT, N>>
                for $image<'a, $pixel>
            {
                type Error = Error;
                fn try_from(
                    buffer: &'a $($mutable)? Framebuffer<$color, $raw, $byte_order, WIDTH, HEIGHT, N>,
                ) -> Result<Self, Error> {
                    let cut: fn(&$($mutable)? [u8]) -> &$($mutable)? [$pixel] = $cut;
                    $image::new(cut(buffer.$data()), WIDTH, HEIGHT)
                }
            }
        )*};
    }
    framebuffers! {
        Image () [O] Gray8, RawU8, O: u8, data, |bytes| bytes;
        ImageMut (mut) [O] Gray8, RawU8, O: u8, data_mut, |bytes| bytes;
        Image () [] Rgb888, RawU24, BigEndian: [u8; 3], data, |bytes| bytes.as_chunks().0;
        ImageMut (mut) [] Rgb888, RawU24, BigEndian: [u8; 3], data_mut, |bytes| bytes.as_chunks_mut().0;
        Image () [] Rgb565, RawU16, LittleEndian: Packed<Rgb565Le>, data, Packed::pixels;
        Image () [] Rgb565, RawU16, BigEndian: Packed<Rgb565Be>, data, Packed::pixels;
    }
}

#[cfg(feature = "image")]
mod image {
    //! ```
    //! use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
    //! use nonius::{Bilinear, Boundary, Image, ImageMut, Sampler, Translation};
    //!
    //! let photograph = RgbImage::from_fn(64, 48, |x, y| Rgb([x as u8, y as u8, 7]));
    //! let mut out = RgbImage::new(32, 24);
    //! let sampler = Sampler::new(Bilinear, Boundary::Replicate);
    //! sampler.warp(Image::try_from(&photograph)?, &mut ImageMut::try_from(&mut out)?, &Translation::new(8.5, 4.0)?)?;
    //! assert_eq!(out.get_pixel(0, 0), &Rgb([9, 4, 7])); // halves go up
    //!
    //! // Back: a buffer that borrows, if there are no gaps between rows.
    //! let depths = [1u16, 2, 3, 4, 5, 6];
    //! let view: ImageBuffer<Luma<u16>, &[u16]> = Image::new(&depths, 3, 2)?.try_into()?;
    //! assert_eq!(view.get_pixel(0, 1), &Luma([4]));
    //! assert!(GrayImage::new(0, 5).width() == 0 && Image::try_from(&GrayImage::new(0, 5)).is_err());
    //! # Ok::<(), nonius::Error>(())
    //! ```
    use core::ops::{Deref, DerefMut};

    use ::image::flat::SampleLayout;
    use ::image::{FlatSamples, ImageBuffer, Luma, LumaA, Pixel, Rgb, Rgba};

    use super::{Error, Image, ImageMut};

    fn side(v: u32) -> usize {
        usize::try_from(v).unwrap_or(usize::MAX)
    }

    fn borrowed<P: Pixel, S>(
        pixels: &[S],
        width: usize,
        height: usize,
        gap: bool,
        flat: impl FnOnce(&[S]) -> &[P::Subpixel],
    ) -> Result<ImageBuffer<P, &[P::Subpixel]>, Error> {
        if gap {
            return Err(Error::Stride);
        }
        let pixels = pixels.get(..width * height).unwrap_or_default();
        ImageBuffer::from_raw(width as u32, height as u32, flat(pixels)).ok_or(Error::TooLarge)
    }

    macro_rules! pixels {
        ($($pixel:ident: $channels:literal, $here:ty, $cut:expr, $cut_mut:expr, $flat:expr;)*) => {$(
            impl<'a, S, C: Deref<Target = [S]>> TryFrom<&'a ImageBuffer<$pixel<S>, C>> for Image<'a, $here>
            where
                $pixel<S>: Pixel<Subpixel = S>,
            {
                type Error = Error;
                fn try_from(buffer: &'a ImageBuffer<$pixel<S>, C>) -> Result<Self, Error> {
                    let cut: fn(&[S]) -> &[$here] = $cut;
                    Image::new(cut(buffer.as_raw()), side(buffer.width()), side(buffer.height()))
                }
            }

            impl<'a, S, C: DerefMut<Target = [S]>> TryFrom<&'a mut ImageBuffer<$pixel<S>, C>>
                for ImageMut<'a, $here>
            where
                $pixel<S>: Pixel<Subpixel = S>,
            {
                type Error = Error;
                fn try_from(buffer: &'a mut ImageBuffer<$pixel<S>, C>) -> Result<Self, Error> {
                    let (width, height) = (side(buffer.width()), side(buffer.height()));
                    let cut: fn(&mut [S]) -> &mut [$here] = $cut_mut;
                    ImageMut::new(cut(buffer), width, height)
                }
            }

            impl<'a, S> TryFrom<Image<'a, $here>> for ImageBuffer<$pixel<S>, &'a [S]>
            where
                $pixel<S>: Pixel<Subpixel = S>,
            {
                type Error = Error;
                fn try_from(image: Image<'a, $here>) -> Result<Self, Error> {
                    let gap = image.stride() != image.width() && image.height() > 1;
                    borrowed(image.elements(), image.width(), image.height(), gap, $flat)
                }
            }

            impl<'a, S> From<Image<'a, $here>> for FlatSamples<&'a [S]>
            where
                $pixel<S>: Pixel<Subpixel = S>,
            {
                fn from(image: Image<'a, $here>) -> Self {
                    let flat: fn(&[$here]) -> &[S] = $flat;
                    let layout = SampleLayout {
                        channels: $channels,
                        channel_stride: 1,
                        width: image.width() as u32,
                        width_stride: $channels,
                        height: image.height() as u32,
                        height_stride: image.stride().saturating_mul($channels),
                    };
                    FlatSamples { samples: flat(image.elements()), layout, color_hint: None }
                }
            }
        )*};
    }
    pixels! {
        Luma: 1, S, |s| s, |s| s, |s| s;
        LumaA: 2, [S; 2], |s| s.as_chunks().0, |s| s.as_chunks_mut().0, |s| s.as_flattened();
        Rgb: 3, [S; 3], |s| s.as_chunks().0, |s| s.as_chunks_mut().0, |s| s.as_flattened();
        Rgba: 4, [S; 4], |s| s.as_chunks().0, |s| s.as_chunks_mut().0, |s| s.as_flattened();
    }
}

#[cfg(feature = "imgref")]
mod imgref {
    use ::imgref::{Img, ImgRef, ImgRefMut};

    use super::{Error, Image, ImageMut};

    impl<'a, T> TryFrom<ImgRef<'a, T>> for Image<'a, T> {
        type Error = Error;
        fn try_from(image: ImgRef<'a, T>) -> Result<Self, Error> {
            let (width, height, stride) = (image.width(), image.height(), image.stride());
            Image::with_stride(image.into_buf(), width, height, stride)
        }
    }

    impl<'a, T> TryFrom<ImgRefMut<'a, T>> for ImageMut<'a, T> {
        type Error = Error;
        fn try_from(image: ImgRefMut<'a, T>) -> Result<Self, Error> {
            let (width, height, stride) = (image.width(), image.height(), image.stride());
            ImageMut::with_stride(image.into_buf(), width, height, stride)
        }
    }

    impl<'a, T> From<Image<'a, T>> for ImgRef<'a, T> {
        fn from(image: Image<'a, T>) -> Self {
            Img::new_stride(image.elements(), image.width(), image.height(), image.stride())
        }
    }

    impl<'a, T> From<ImageMut<'a, T>> for ImgRefMut<'a, T> {
        fn from(image: ImageMut<'a, T>) -> Self {
            let (width, height, stride) = (image.width(), image.height(), image.stride());
            Img::new_stride(image.into_elements(), width, height, stride)
        }
    }
}

#[cfg(feature = "ndarray")]
mod ndarray {
    use ::ndarray::{
        ArrayView2, ArrayView3, ArrayView4, ArrayViewMut2, ArrayViewMut3, ArrayViewMut4, Ix2, ShapeBuilder,
        ShapeError, StrideShape,
    };

    use super::{Error, Image, ImageMut};
    use crate::stn::{Tensor, TensorMut};
    use crate::{Planes, PlanesMut};

    /// The pixels of an array of (rows, columns, channels).
    macro_rules! interleaved {
        ($array:ident, $into:ident, $image:ident, $cut:ident) => {{
            let (height, width, channels) = $array.dim();
            if channels != C {
                return Err(Error::SizeMismatch);
            }
            let pixels = $array.$into().ok_or(Error::Stride)?;
            $image::new(pixels.$cut::<C>().0, width, height)
        }};
    }

    macro_rules! views {
        ($($image:ident, $planes:ident, $tensor:ident:
            $two:ident, $three:ident, $four:ident, $into:ident, $cut:ident;)*) => {$(
            impl<'a, T> TryFrom<$two<'a, T>> for $image<'a, T> {
                type Error = Error;
                fn try_from(array: $two<'a, T>) -> Result<Self, Error> {
                    let (height, width) = array.dim();
                    $image::new(array.$into().ok_or(Error::Stride)?, width, height)
                }
            }

            impl<'a, T, const C: usize> TryFrom<$three<'a, T>> for $image<'a, [T; C]> {
                type Error = Error;
                fn try_from(array: $three<'a, T>) -> Result<Self, Error> {
                    interleaved!(array, $into, $image, $cut)
                }
            }

            impl<'a, T> TryFrom<$three<'a, T>> for $planes<'a, T> {
                type Error = Error;
                fn try_from(array: $three<'a, T>) -> Result<Self, Error> {
                    let (count, height, width) = array.dim();
                    $planes::new(array.$into().ok_or(Error::Stride)?, width, height, count)
                }
            }

            impl<'a, T> TryFrom<$four<'a, T>> for $tensor<'a, T> {
                type Error = Error;
                fn try_from(array: $four<'a, T>) -> Result<Self, Error> {
                    let (n, c, h, w) = array.dim();
                    $tensor::new(array.$into().ok_or(Error::Stride)?, [n, c, h, w])
                }
            }
        )*};
    }
    views! {
        Image, Planes, Tensor: ArrayView2, ArrayView3, ArrayView4, to_slice, as_chunks;
        ImageMut, PlanesMut, TensorMut: ArrayViewMut2, ArrayViewMut3, ArrayViewMut4, into_slice, as_chunks_mut;
    }

    /// What an image spans.
    fn shape<T>(image: &Image<'_, T>) -> StrideShape<Ix2> {
        (image.height(), image.width()).strides((image.stride(), 1))
    }

    impl<'a, T> TryFrom<Image<'a, T>> for ArrayView2<'a, T> {
        type Error = ShapeError;
        fn try_from(image: Image<'a, T>) -> Result<Self, ShapeError> {
            ArrayView2::from_shape(shape(&image), image.elements())
        }
    }

    impl<'a, T> TryFrom<ImageMut<'a, T>> for ArrayViewMut2<'a, T> {
        type Error = ShapeError;
        fn try_from(image: ImageMut<'a, T>) -> Result<Self, ShapeError> {
            let shape = shape(&image.as_image());
            ArrayViewMut2::from_shape(shape, image.into_elements())
        }
    }
}
