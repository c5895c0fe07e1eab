//! Streaming: a warp of an image that is never in memory as a whole.
//!
//! In: the rows of the source, as a camera delivers them, into a window that keeps the last few. Out:
//! the rows of the destination, each as soon as the source rows under it have come. The results are
//! those of [`Sampler::warp`], bit by bit.
//!
//! **Memory.** A [`Stream`] works in the caller's buffer of `width * rows` source pixels, with at
//! least [`Stream::window_height`] rows. For an affine transform with a matrix `[a b c; d e f]` whose
//! `e` is not negative (the image is not turned over) that is at most
//! `ceil(|d| (destination width - 1)) + support + 1` rows, the support being the kernel's: 2 for
//! bilinear. A camera of 160 x 120 pixels that turns by 3 degrees needs at most 12 rows, not 120. A
//! homography takes two rows more than it reads. Where rows are needed out of order (upside down,
//! across a horizon, at the other end of the image by [`Boundary::Wrap`]), the window is the whole
//! image, and everything still works. What lies in the buffer beyond the window is used, too: rows
//! are moved to its beginning only when it is full.
#![forbid(unsafe_code)]

use crate::Error;
use crate::boundary::Boundary;
use crate::image::{Image, Tap};
use crate::kernel::{Interpolator, Kernel, first_tap, support};
use crate::sample::{Sampler, Source};
use crate::simd::{Lanes, Operation};
use crate::transform::Transform;
use crate::walk::{Plan, Subpixel, Walk};

/// A warp under way, from a window of source rows to destination rows.
///
/// ```
/// use nonius::stream::Stream;
/// use nonius::{Bilinear, Boundary, Image, ImageMut, Sampler, Similarity};
///
/// let frame: Vec<u8> = (0..64 * 48).map(|i| (i * i % 251) as u8).collect();
/// let sampler = Sampler::new(Bilinear, Boundary::Replicate);
/// let turn = Similarity::new(1.0, 0.05, 1.0, -2.0)?;
///
/// let rows = Stream::window_height(&sampler, &turn, (64, 48), (64, 48))?;
/// assert_eq!(rows, 6);
/// let mut window = vec![0; 64 * rows];
/// let mut stream = Stream::new(sampler, &turn, (64, 48), (64, 48), &mut window)?;
///
/// let (mut out, mut row) = (Vec::new(), [0; 64]);
/// for line in frame.chunks(64) {
///     // There is room: every destination row that can be had has been taken.
///     stream.incoming().unwrap().copy_from_slice(line);
///     stream.arrived();
///     while stream.warp_row(&mut row)?.is_some() {
///         out.extend(row);
///     }
/// }
///
/// let mut whole = vec![0; 64 * 48];
/// sampler.warp(Image::new(&frame, 64, 48)?, &mut ImageMut::new(&mut whole, 64, 48)?, &turn)?;
/// assert_eq!(out, whole);
/// # Ok::<(), nonius::Error>(())
/// ```
pub struct Stream<'a, K, P: Tap, T: Transform> {
    sampler: Sampler<K, P>,
    course: Course<P, T>,
    buffer: &'a mut [P],
    /// Rows that the buffer holds.
    capacity: usize,
    /// The source row that is first in the buffer, and how many are there.
    first: usize,
    count: usize,
    /// The next destination row.
    next: usize,
}

impl<'a, K: Kernel, P: Tap, T: Transform> Stream<'a, K, P, T> {
    /// The fewest source rows that have to be in memory at a time, for images of these sizes (width
    /// and height): at most those of the source. (Of a homography, up to two more than that.) It takes
    /// two coordinates of every destination row.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`].
    pub fn window_height(
        sampler: &Sampler<K, P>,
        transform: &T,
        source: (usize, usize),
        destination: (usize, usize),
    ) -> Result<usize, Error> {
        Ok(Course::new::<K>(sampler, transform, source, destination)?.window_height::<K>())
    }

    /// A warp of a source of width and height `source` by `transform` (destination to source pixels)
    /// into a destination of width and height `destination`, in a buffer of as many whole rows as
    /// there is room for.
    ///
    /// # Errors
    /// [`Error::TooShort`] if the buffer does not hold [`Self::window_height`] rows of the source;
    /// [`Error::Empty`], [`Error::TooLarge`].
    pub fn new(
        sampler: Sampler<K, P>,
        transform: &T,
        source: (usize, usize),
        destination: (usize, usize),
        buffer: &'a mut [P],
    ) -> Result<Self, Error> {
        let course = Course::new::<K>(&sampler, transform, source, destination)?;
        let (needed, found) = (source.0 * course.window_height::<K>(), buffer.len());
        if found < needed {
            return Err(Error::TooShort { needed, found });
        }
        let capacity = found.checked_div(source.0).unwrap_or(0);
        Ok(Self { sampler, course, buffer, capacity, first: 0, count: 0, next: 0 })
    }

    /// Where the next source row goes (for DMA to write to); tell by [`Self::arrived`] when it is
    /// there. `None` once all have come, and while the window is full: take destination rows first.
    ///
    /// Rows that no later destination row needs make room.
    pub fn incoming(&mut self) -> Option<&mut [P]> {
        if self.first + self.count >= self.course.source.1 {
            return None;
        }
        let width = self.course.source.0;
        if self.count >= self.capacity {
            let gone = self.course.kept::<K>(self.next).saturating_sub(self.first).min(self.count);
            if gone == 0 {
                return None;
            }
            let filled = self.buffer.get_mut(..self.count * width)?;
            slide(filled, gone * width);
            self.first += gone;
            self.count -= gone;
        }
        self.buffer.get_mut(self.count * width..)?.get_mut(..width)
    }

    /// The row that [`Self::incoming`] made room for is there. Without room it is ignored.
    pub fn arrived(&mut self) {
        if self.count < self.capacity && self.first + self.count < self.course.source.1 {
            self.count += 1;
        }
    }

    /// The next destination row into `out`, which has its width, and its number; `None` while source
    /// rows are missing, and after the last row. Under [`Boundary::Transparent`] pixels outside are
    /// left as they are.
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if `out` has another width.
    pub fn warp_row(&mut self, out: &mut [P::Sampled]) -> Result<Option<usize>, Error> {
        let (width, height) = self.course.destination;
        if out.len() != width {
            return Err(Error::SizeMismatch);
        }
        let y = self.next;
        if y >= height || self.course.rows::<K>(y).1 >= self.first + self.count {
            return Ok(None);
        }
        let image = Image::new(self.buffer, self.course.source.0, self.count)?;
        let source = Source {
            image,
            boundary: self.sampler.boundary,
            above: self.first,
            height: self.course.source.1,
        };
        let level = self.sampler.level_along(&self.course.plan);
        level.run(Row { kernel: &self.sampler.kernel, source, plan: &self.course.plan, y, out });
        self.next += 1;
        Ok(Some(y))
    }
}

/// Moves what begins at `from` to the beginning.
fn slide<P: Copy>(mut data: &mut [P], from: usize) {
    while from > 0
        && let Some((to, rest)) = data.split_at_mut_checked(from)
    {
        for (to, &pixel) in to.iter_mut().zip(rest.iter()) {
            *to = pixel;
        }
        data = rest;
    }
}

/// Which source rows the destination rows read.
struct Course<P: Tap, T: Transform> {
    plan: T::Plan,
    boundary: Boundary<P>,
    source: (usize, usize),
    destination: (usize, usize),
    /// Whether nothing is known but that they are rows of the source.
    whole: bool,
}

impl<P: Tap, T: Transform> Course<P, T> {
    fn new<K: Kernel>(
        sampler: &Sampler<K, P>,
        transform: &T,
        source: (usize, usize),
        destination: (usize, usize),
    ) -> Result<Self, Error> {
        crate::image::check_size(source.0, source.1)?;
        crate::image::check_size(destination.0, destination.1)?;
        // Where the denominator keeps its sign, a coordinate rises or falls along each column.
        let [.., g, h, one] = transform.matrix();
        let (x, y) = ((destination.0 - 1) as f64, (destination.1 - 1) as f64);
        let corners = [one, g * x + one, h * y + one, g * x + h * y + one];
        let (least, greatest) = corners.iter().fold((f64::MAX, f64::MIN), |(a, b), &d| (a.min(d), b.max(d)));
        let whole = least.max(-greatest) < 1e-3 * greatest.max(-least);
        Ok(Self { plan: transform.plan(), boundary: sampler.boundary, source, destination, whole })
    }

    /// The rows of the taps of destination row `y`, wherever they are; `None` if that is not known.
    fn taps<K: Kernel>(&self, y: usize) -> Option<(i32, i32)> {
        let to = K::rounding::<P::Channel>();
        let (mut least, mut greatest) = (i32::MAX, i32::MIN);
        for (_, walk, len) in self.plan.row(y, self.destination.0) {
            if !walk.monotone(len) {
                return None;
            }
            for walk in [walk.at(len.saturating_sub(1)), walk] {
                let [_, y] = walk.position(to);
                (least, greatest) = (least.min(y.cell), greatest.max(y.cell));
            }
        }
        let first = first_tap::<K>();
        Some((least.saturating_add(first), greatest.saturating_add(first + support::<K>() as i32 - 1)))
    }

    /// The first and the last row of the source that taps in these rows read.
    fn read(&self, taps: Option<(i32, i32)>) -> (usize, usize) {
        let side = self.source.1 as i32;
        let last = side - 1;
        let (first, last) = match (taps, self.boundary) {
            (Some((a, b)), _) if a >= 0 && b <= last => (a, b),
            // (What is constant or left reads no row outside; where there is none, any will do.)
            (Some((a, b)), Boundary::Replicate | Boundary::Constant(_) | Boundary::Transparent) => {
                (a.min(last).max(0), b.min(last).max(0))
            }
            (Some((a, b)), boundary) if a > -side && b < 2 * side && b - a < side => (a..=b)
                .filter_map(|tap| boundary.index(tap, side))
                .fold((last, 0), |(first, last), row| (first.min(row), last.max(row))),
            _ => (0, last),
        };
        (first.max(0) as usize, last.max(0) as usize)
    }

    /// The first and the last row of the source that destination row `y` reads.
    fn rows<K: Kernel>(&self, y: usize) -> (usize, usize) {
        self.read(if self.whole { None } else { self.taps::<K>(y) })
    }

    /// The first row of the source that any destination row from `y` on reads.
    fn kept<K: Kernel>(&self, y: usize) -> usize {
        let end = self.destination.1.saturating_sub(1);
        if y > end {
            return self.source.1;
        }
        // Whatever lies between the first of them and the last, since a coordinate rises or falls
        // along a column. In the runs of a homography it is rounded, by far less than a row.
        let taps = match (self.whole, self.taps::<K>(y), self.taps::<K>(end)) {
            (false, Some((a, b)), Some((c, d))) => {
                let slack = if T::DEGREE > 1 { 1 } else { 0 };
                Some((a.min(c).saturating_sub(slack), b.max(d).saturating_add(slack)))
            }
            _ => None,
        };
        self.read(taps).0
    }

    /// See [`Stream::window_height`].
    fn window_height<K: Kernel>(&self) -> usize {
        // By the time row y is made, the rows for those above it have come, too.
        let (mut height, mut come) = (1, 0);
        for y in 0..self.destination.1 {
            let (first, last) = self.rows::<K>(y);
            come = last.max(come);
            height = height.max(come + 1 - first.min(self.kept::<K>(y)).min(come));
        }
        height
    }
}

/// One row of a warp, from a window of the source.
struct Row<'a, K, P: Tap, N> {
    kernel: &'a K,
    source: Source<'a, P>,
    plan: &'a N,
    y: usize,
    out: &'a mut [P::Sampled],
}

impl<K: Kernel, P: Tap, N: Subpixel> Operation for Row<'_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (x, walk, len) in self.plan.row(self.y, self.out.len()) {
            if let Some(out) = self.out.get_mut(x..x + len) {
                let walk = N::lowered(walk, self.source.above);
                let out = <P::Sampled>::flatten_mut(out);
                self.kernel.fill_run::<L, P, _, _>(&self.source, &walk, out, false);
            }
        }
    }
}
