//! Streaming: a warp of an image that is never in memory as a whole.
//!
//! In: the rows of the source, as a camera delivers them, into a window that keeps the last few. Out:
//! the rows of the destination, each as soon as the source rows under it have come. The results are
//! those of [`Sampler::warp`], bit by bit.
//!
//! **Memory.** A [`Stream`] works in the caller's buffer of `width * rows` source pixels, with at
//! least [`Stream::window_height`] rows: those that have to be there at a time, from the first that is
//! still to be read to the last that has been, and `support - 1` more, the support being the kernel's (2
//! for bilinear). For a destination of width W and height H and an affine transform
//! `[a b c; d e f]` that is at most
//!
//! ```text
//! ceil(|d| (W - 1) + max(-e, 0) (H - 1)) + 2 support
//! ```
//!
//! rows, and never more than the source has. (The second term is that of an image that is turned over.) For a
//! homography it is two more, and `|d| (W - 1)` the greatest difference between the y of the two ends of a
//! destination row, if y rises along every column; if not, and where a horizon crosses the destination,
//! there is no bound but the source's height. A camera of 160 x 120 pixels that turns by 3 degrees needs
//! at most 13 rows, not 120.
//!
//! Where rows of taps stick out above or below the source, what stands for them has to be there too.
//! [`Boundary::Reflect`] and [`Boundary::Reflect101`] take `n + support` rows for n that stick out, if
//! that is more (a homography three more), and all if n is as high as the source. [`Boundary::Wrap`] takes all as soon
//! as any sticks out (or by a homography might, within a row). The other boundaries take none.
//!
//! **Time.** The window is a ring, so that a row stays where it was written. `support - 1` rows of each
//! turn of the ring are copied to behind its end, since a kernel reads rows that follow each other, and a
//! destination row that reaches over the end is drawn in two parts. Where mirrored rows stick out below,
//! the ring is put in order once, when all rows have come.
//!
//! **DMA.** The address of [`Stream::incoming`] holds until [`Stream::arrived`]: rows can be warped
//! while DMA writes there, which neither reads nor writes what has not arrived. A buffer of n rows more
//! than needed has room for n + 1 rows under way, as long as every destination row that can be had is
//! taken. So with one more, a camera that writes to two addresses in turn is told by
//! [`Stream::incoming_after`] where to go on while it writes a row. (As with all memory that DMA writes,
//! a fence comes before `arrived`, and where there is a data cache, its lines of that row are invalidated.)
#![forbid(unsafe_code)]

use crate::Error;
use crate::boundary::Boundary;
use crate::image::{Image, Tap};
use crate::kernel::{Interpolator, Kernel, first_tap, support};
use crate::sample::{Sampler, Source};
use crate::simd::{Lanes, Operation};
use crate::transform::Transform;
use crate::walk::{Plan, Subpixel, Walk};

/// A warp under way, from a window of source rows to destination rows. Its kernel is a [`Kernel`], whose taps are all
/// that it looks at: not [`Adaptive`](crate::Adaptive), nor a [`Surrogate`](crate::Surrogate), which is for gradients.
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
/// assert_eq!(rows, 7);
/// // One more, so that two rows can be under way.
/// let mut window = vec![0; 64 * (rows + 1)];
/// let mut stream = Stream::new(sampler, &turn, (64, 48), (64, 48), &mut window)?;
///
/// let (mut out, mut row) = (Vec::new(), [0; 64]);
/// for (y, line) in frame.chunks(64).enumerate() {
///     // Where DMA writes this row, and where it goes on with the next one.
///     let here = stream.incoming().unwrap().as_ptr();
///     let there = stream.incoming_after(1).map(|row| row.as_ptr());
///     assert_eq!(there.is_some(), y < 47);
///
///     // The row comes. Rows may be warped meanwhile.
///     assert_eq!(stream.warp_row(&mut row)?, None);
///     let place = stream.incoming().unwrap();
///     assert_eq!(place.as_ptr(), here);
///     place.copy_from_slice(line);
///     stream.arrived();
///
///     // There is room as long as every destination row that can be had is taken.
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
#[derive(Debug)]
pub struct Stream<'a, K, P: Tap, T: Transform> {
    sampler: Sampler<K, P>,
    course: Course<P, T>,
    /// The ring, and after it its first `support - 1` rows again, unless it holds the whole source.
    buffer: &'a mut [P],
    /// Rows that the ring holds.
    capacity: usize,
    /// The source row that is first in the ring, its place there, and how many there are.
    first: usize,
    begin: usize,
    count: usize,
    /// The next destination row.
    next: usize,
}

impl<'a, K: Kernel, P: Tap, T: Transform> Stream<'a, K, P, T> {
    /// The fewest source rows that a buffer has to hold, for images of these sizes (width and height): at most
    /// those of the source. (Along a homography it may say one row more than the fewest.) It takes two coordinates of
    /// every destination row.
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
        let rows = found.checked_div(source.0).unwrap_or(0);
        let capacity = if rows < source.1 { rows.saturating_sub(beside::<K>()) } else { source.1 };
        Ok(Self { sampler, course, buffer, capacity, first: 0, begin: 0, count: 0, next: 0 })
    }

    /// Where the next source row goes (for DMA to write to); tell by [`Self::arrived`] when it is
    /// there. `None` once all have come, and while the window is full: take destination rows first.
    ///
    /// Rows that no later destination row needs make room. The place is the same until the row has arrived.
    pub fn incoming(&mut self) -> Option<&mut [P]> {
        self.incoming_after(0)
    }

    /// Where the source row goes that comes so many rows after the next one, as [`Self::incoming`].
    pub fn incoming_after(&mut self, rows: usize) -> Option<&mut [P]> {
        let under_way = rows.checked_add(1)?;
        if under_way > self.missing() {
            return None;
        }
        let room = self.capacity.checked_sub(under_way)?;
        if self.count > room {
            let gone = self.course.kept::<K>(self.next).saturating_sub(self.first).min(self.count);
            self.begin = self.place(gone);
            self.first += gone;
            self.count -= gone;
            if self.count > room {
                return None;
            }
        }
        let (width, place) = (self.course.source.0, self.place(self.count + rows));
        self.buffer.get_mut(place * width..)?.get_mut(..width)
    }

    /// The row that [`Self::incoming`] made room for is there. Without room it is ignored.
    pub fn arrived(&mut self) {
        if self.count >= self.capacity || self.missing() == 0 {
            return;
        }
        let (width, place) = (self.course.source.0, self.place(self.count));
        let row = place * width..(place + 1) * width;
        if self.capacity < self.course.source.1
            && place < beside::<K>()
            && let Some((ring, again)) = self.buffer.split_at_mut_checked(self.capacity * width)
            && let (Some(from), Some(to)) = (ring.get(row.clone()), again.get_mut(row))
        {
            for (to, &pixel) in to.iter_mut().zip(from) {
                *to = pixel;
            }
        }
        self.count += 1;
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
        // What sticks out below is mirrored at the last row, in either part.
        if self.missing() == 0 && matches!(self.course.boundary, Boundary::Reflect | Boundary::Reflect101) {
            self.straighten();
        }
        let before = self.capacity - self.begin;
        let upper = self.part(self.begin, self.first, self.count.min(before + beside::<K>()))?;
        let lower = match self.count.checked_sub(before) {
            Some(rows) if rows > 0 => Some(self.part(0, self.first + before, rows)?),
            _ => None,
        };
        let level = self.sampler.level_along(&self.course.plan);
        level.run(Row { kernel: &self.sampler.kernel, upper, lower, plan: &self.course.plan, y, out });
        self.next += 1;
        Ok(Some(y))
    }

    /// Source rows that have not arrived.
    fn missing(&self) -> usize {
        self.course.source.1.saturating_sub(self.first + self.count)
    }

    /// The place in the ring of the row so many rows after the first, at most as many as it holds.
    fn place(&self, rows: usize) -> usize {
        let place = self.begin + rows;
        if place < self.capacity { place } else { place - self.capacity }
    }

    /// So many rows that follow each other in the buffer, of which the first is row `above` of the source.
    fn part(&self, place: usize, above: usize, rows: usize) -> Result<Source<'_, P>, Error> {
        let (width, height) = self.course.source;
        let pixels = self.buffer.get(place * width..(place + rows) * width).unwrap_or_default();
        Ok(Source { image: Image::new(pixels, width, rows)?, boundary: self.sampler.boundary, above, height })
    }

    /// Turns the ring so that its first row is at its beginning.
    fn straighten(&mut self) {
        let width = self.course.source.0;
        if self.begin > 0
            && let Some(ring) = self.buffer.get_mut(..self.capacity * width)
        {
            rotate(ring, self.begin * width);
            self.begin = 0;
        }
    }
}

/// Moves what begins at `from` to the beginning, and what is before it to the end. (Without what can panic in
/// `rotate_left`.)
#[inline(never)]
fn rotate<P>(ring: &mut [P], from: usize) {
    if let Some((last, first)) = ring.split_at_mut_checked(from) {
        last.reverse();
        first.reverse();
        ring.reverse();
    }
}

/// Rows that a kernel reads beside the first.
const fn beside<K: Kernel>() -> usize {
    support::<K>() - 1
}

/// Which source rows the destination rows read.
#[derive(Debug)]
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

    /// The first and the last row of the source that taps in these rows read. Where some stick out above, the first
    /// row counts as read, and where below, the last: so what boundaries copy lies in the ring in order.
    #[cfg_attr(thumb, inline(never))]
    fn read(&self, taps: Option<(i32, i32)>) -> (usize, usize) {
        let side = self.source.1 as i32;
        let last = side - 1;
        let inside = |tap: i32| self.boundary.index(tap, side).unwrap_or(0);
        let (first, last) = match (taps, self.boundary) {
            (Some((a, b)), _) if a >= 0 && b <= last => (a, b),
            // (What is constant or left reads no row outside.)
            (Some((a, b)), Boundary::Replicate | Boundary::Constant(_) | Boundary::Transparent) => {
                (a.min(last).max(0), b.min(last).max(0))
            }
            (Some((a, b)), Boundary::Reflect | Boundary::Reflect101) if a > -side && b <= last => {
                (0, inside(a).max(b))
            }
            (Some((a, b)), Boundary::Reflect | Boundary::Reflect101) if a >= 0 && b - side < last => {
                (inside(b).min(a), last)
            }
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

    /// The most rows that have to be there at a time.
    fn most<K: Kernel>(&self) -> usize {
        // By the time row y is made, the rows for those above it have come, too.
        let (mut most, mut come) = (1, 0);
        for y in 0..self.destination.1 {
            come = self.rows::<K>(y).1.max(come);
            most = most.max(come + 1 - self.kept::<K>(y).min(come));
        }
        most
    }

    /// See [`Stream::window_height`].
    fn window_height<K: Kernel>(&self) -> usize {
        (self.most::<K>() + beside::<K>()).min(self.source.1)
    }
}

/// One row of a warp, from a window of the source.
struct Row<'a, K, P: Tap, N> {
    kernel: &'a K,
    /// The rows up to the end of the ring, and those that a kernel reads beside the last of them.
    upper: Source<'a, P>,
    /// The rows from its beginning on, if there are any.
    lower: Option<Source<'a, P>>,
    plan: &'a N,
    y: usize,
    out: &'a mut [P::Sampled],
}

impl<K: Kernel, P: Tap, N: Subpixel> Operation for Row<'_, K, P, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let to = K::rounding::<P::Channel>();
        for (x, walk, len) in self.plan.row(self.y, self.out.len()) {
            let Some(out) = self.out.get_mut(x..x + len) else { return };
            // Whether the first and the last pixel have their first tap in the lower part, and where that changes.
            let (mut begins, mut ends, mut cut) = (false, false, len);
            if let Some(lower) = &self.lower {
                let cell = lower.above as i32 - first_tap::<K>();
                begins = walk.reaches(0, 1, cell, to);
                ends = walk.reaches(len.saturating_sub(1), 1, cell, to);
                if begins != ends {
                    cut = walk.crossing(1, cell, ends, &(0..len), to);
                }
            }
            let (left, right) = out.split_at_mut_checked(cut).unwrap_or_default();
            for (is_lower, from, out) in [(begins, 0, left), (ends, cut, right)] {
                if !out.is_empty() {
                    let source = self.lower.as_ref().filter(|_| is_lower).unwrap_or(&self.upper);
                    Self::fill::<L>(self.kernel, source, walk.at(from), out);
                }
            }
        }
    }
}

impl<K: Kernel, P: Tap, N: Subpixel> Row<'_, K, P, N> {
    /// The pixels along a walk, of which all taps are in one part. (Flash has it once.)
    #[cfg_attr(thumb, inline(never))]
    #[cfg_attr(not(thumb), inline(always))]
    fn fill<L: Lanes>(kernel: &K, source: &Source<'_, P>, walk: N::Walk, out: &mut [P::Sampled]) {
        let walk = N::lowered(walk, source.above);
        kernel.fill_run::<L, P, _, _>(source, &walk, <P::Sampled>::flatten_mut(out), false);
    }
}

#[cfg(test)]
mod tests {
    use super::{Course, Interpolator, Kernel, first_tap, support};
    use crate::walk::{Plan, Walk};
    use crate::{
        Affine, Bilinear, Boundary, Homography, Lanczos, Nearest, NearestEven, Sampler, Transform,
        Translation,
    };
    use quickcheck::quickcheck;
    use std::vec::Vec;

    /// The first and the last source row that each destination row reads, tap by tap; `ordered` as a ring has it: the
    /// first row of the source, too, where a tap is above it, the last where one is below, and all where
    /// one is further out than they are mirrored once.
    fn read<K: Kernel, T: Transform>(
        course: &Course<u8, T>,
        boundary: Boundary<u8>,
        ordered: bool,
    ) -> Vec<(i32, i32)> {
        let side = course.source.1 as i32;
        let rows = |y| {
            let (mut first, mut last) = (side, -1);
            for (_, mut walk, len) in course.plan.row(y, course.destination.0) {
                for _ in 0..len {
                    let [_, at] = walk.position(K::rounding::<u8>());
                    let from = at.cell + first_tap::<K>();
                    for tap in from..from + support::<K>() as i32 {
                        // (Where there is none, any will do.)
                        let row = boundary.index(tap, side).unwrap_or(tap.clamp(0, side - 1));
                        (first, last) = (first.min(row), last.max(row));
                        let mirrored = tap > -side && tap < 2 * side - 1;
                        let one = matches!(boundary, Boundary::Reflect | Boundary::Reflect101) && mirrored;
                        if ordered && boundary.folds() && boundary != Boundary::Replicate {
                            if tap < 0 || tap >= side && !one {
                                first = 0;
                            }
                            if tap >= side || tap < 0 && !one {
                                last = side - 1;
                            }
                        }
                    }
                    walk.step();
                }
            }
            (first, last)
        };
        (0..course.destination.1).map(rows).collect()
    }

    /// The most rows from the first that is still to be read to the last that has been, over all
    /// destination rows.
    fn most(read: &[(i32, i32)]) -> usize {
        let (mut most, mut come) = (1, 0);
        for (y, &(_, last)) in read.iter().enumerate() {
            come = come.max(last);
            let first = read.iter().skip(y).map(|rows| rows.0).min().unwrap();
            most = most.max(come - first + 1);
        }
        most as usize
    }

    /// Whether the window is the least there can be, under every boundary.
    fn least<K: Kernel, T: Transform>(kernel: K, transform: T, sizes: [u8; 4]) -> bool {
        let [w, h, u, v] = sizes.map(|v| 1 + usize::from(v) % 60);
        use Boundary::*;
        [Constant(7), Replicate, Reflect, Reflect101, Wrap, Transparent].into_iter().all(|boundary| {
            let sampler = Sampler::new(kernel, boundary);
            let course = Course::new::<K>(&sampler, &transform, (w, h), (u, v)).unwrap();
            let found = course.most::<K>();
            let truth = most(&read::<K, T>(&course, boundary, false));
            if course.whole {
                return found == h && truth <= h;
            }
            let ordered = most(&read::<K, T>(&course, boundary, true));
            // A homography's are rounded from run to run, also over an edge.
            let slack = match boundary {
                _ if T::DEGREE < 2 => 0,
                Wrap => h,
                _ => 1,
            };
            truth <= ordered
                && (ordered..=h.min(ordered + slack)).contains(&found)
                && course.window_height::<K>() == h.min(found + support::<K>() - 1)
        })
    }

    fn real(bits: i16, most: f64) -> f64 {
        f64::from(bits) / 32_768.0 * most
    }

    quickcheck! {
        fn windows_of_translations(t: (i16, i16), sizes: (u8, u8, u8, u8)) -> bool {
            let sizes = [sizes.0, sizes.1, sizes.2, sizes.3];
            let t = Translation::new(real(t.0, 80.0), real(t.1, 80.0).round()).unwrap();
            least(Bilinear, t, sizes) && least(Nearest, t, sizes) && least(Lanczos::<3>, t, sizes)
        }

        fn windows_of_affine_transforms(m: (i16, i16, i16, i16, i16, i16), sizes: (u8, u8, u8, u8)) -> bool {
            let sizes = [sizes.0, sizes.1, sizes.2, sizes.3];
            let (t, d, e) = (real(m.5, 70.0), real(m.3, 0.4), real(m.4, 2.5));
            let Ok(t) = Affine::from_parameters([1.0, real(m.1, 0.4), real(m.2, 70.0), d, e, t]) else { return true };
            least(Bilinear, t, sizes) && least(NearestEven, t, sizes) && least(Lanczos::<3>, t, sizes)
        }

        fn windows_of_homographies(m: (i16, i16, i16, i16, i16, i16), sizes: (u8, u8, u8, u8)) -> bool {
            let sizes = [sizes.0, sizes.1, sizes.2, sizes.3];
            let (d, e, f) = (real(m.0, 0.4), real(m.1, 2.0), real(m.2, 70.0));
            let (g, h) = (real(m.3, 0.02), real(m.4, 0.02));
            let Ok(t) = Homography::from_parameters([1.0, real(m.5, 0.4), 0.0, d, e, f, g, h]) else { return true };
            least(Bilinear, t, sizes) && least(Nearest, t, sizes) && least(Lanczos::<3>, t, sizes)
        }
    }

    /// Where rows are mirrored, all are kept that are.
    #[test]
    fn mirrored() {
        let shift = Translation::new(0.0, -20.0).unwrap();
        let sampler = Sampler::new(Bilinear, Boundary::Reflect);
        let course: Course<u8, _> = Course::new::<Bilinear>(&sampler, &shift, (8, 48), (8, 48)).unwrap();
        assert_eq!(course.rows::<Bilinear>(0), (0, 19));
        assert_eq!((course.most::<Bilinear>(), course.window_height::<Bilinear>()), (20, 21));
    }
}
