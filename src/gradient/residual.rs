//! Loss and parameter gradient of a warp against a target, in one pass.
#![forbid(unsafe_code)]

use super::parameters::{CHUNK, Product, ProductOf, Slopes, Sums};
use crate::Error;
use crate::boundary::Boundary;
use crate::image::{Image, ImageMut, Tap};
use crate::kernel::{Array, Channel, Interpolator};
use crate::parallel::Bands;
use crate::sample::{Sampler, Source};
use crate::simd::{Lanes, Level, Operation};
use crate::transform::{Transform, at};
use crate::walk::{Plan, Walk};

/// A sum of squared residuals: `i128` for integer channels, `f64` for `f32`.
pub type Loss<P> = <ProductOf<P> as Product>::Sum;

/// What [`Sampler::residual`] finds: S is [`Loss`], G the transform's parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual<S, G> {
    /// The sum of squared residuals, over pixels and channels.
    pub loss: S,
    /// Its derivative with respect to each parameter.
    pub gradient: G,
    /// How many destination pixels it is over.
    pub count: usize,
}

impl<K: Interpolator, P: Tap> Sampler<K, P> {
    /// How far `source`, warped by `transform`, is from `target`, and the gradient of that with
    /// respect to the transform's parameters: value, residual and gradient in one pass, with no
    /// grid and no image stored. The warped image is written if `warped` is given.
    ///
    /// **Definition.** V is what [`warp`](Self::warp) gives, rounded to the channel, and r = V -
    /// target. The loss is the sum of r^2 over channels and pixels: an exact integer in `i128`; for
    /// `f32` pixels in `f64`, channel by channel along a row, each row from zero, then over rows as the gradient. The
    /// gradient is twice [`parameter_gradient`](Self::parameter_gradient) of the cotangent r, bit by
    /// bit. Pixels that [`Boundary::Transparent`](crate::Boundary::Transparent) leaves count in
    /// neither.
    ///
    /// ```
    /// use nonius::{Bilinear, Boundary, Image, Sampler, Translation};
    /// let (ramp, target) = ([0u8, 10, 20, 30, 40], [7u8, 17, 27, 37]);
    /// let sampler = Sampler::new(Bilinear, Boundary::Transparent);
    /// let shift = Translation::new(0.5, 0.0)?;
    /// let ramp = Image::new(&ramp, 5, 1)?;
    /// let found = sampler.residual(ramp, Image::new(&target, 4, 1)?, None, &shift)?;
    /// assert_eq!((found.loss, found.count), (4 * 4, 4));
    /// assert_eq!(found.gradient, [4.0 * 2.0 * -2.0 * 10.0, 0.0]);
    /// # Ok::<(), nonius::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SizeMismatch`] if `warped` is not of the target's size; nothing is written then.
    pub fn residual<T: Transform>(
        &self,
        source: Image<'_, P>,
        target: Image<'_, P::Sampled>,
        warped: Option<&mut ImageMut<'_, P::Sampled>>,
        transform: &T,
    ) -> Result<Residual<Loss<P>, T::Parameters>, Error> {
        let width = target.width();
        if let Some(warped) = &warped
            && (warped.width(), warped.height()) != (width, target.height())
        {
            return Err(Error::SizeMismatch);
        }
        let warped = warped.map(ImageMut::reborrow);
        let (source, plan) = (self.source(source), transform.plan());
        let rows = Rows::<_, _, T> { sampler: self, source, target, warped, plan, first: 0 };
        // (The same code at every level, but for runs.)
        let Found { sums, loss, count } = self.threads.sum(Level::SCALAR, rows);
        let half = sums.parameters(transform);
        let gradient = T::Parameters::from_fn(|i| 2.0 * at(half.as_ref(), i));
        Ok(Residual { loss, gradient, count })
    }
}

struct Rows<'a, K, P: Tap, T: Transform> {
    sampler: &'a Sampler<K, P>,
    source: Source<'a, P>,
    target: Image<'a, P::Sampled>,
    warped: Option<ImageMut<'a, P::Sampled>>,
    plan: T::Plan,
    /// Which row of the destination the first is.
    first: usize,
}

/// What some rows come to.
struct Found<Q: Product> {
    sums: Sums<Q>,
    loss: Q::Sum,
    count: usize,
}

impl<K: Interpolator, P: Tap, T: Transform> Operation for Rows<'_, K, P, T> {
    type Output = Found<ProductOf<P>>;

    #[inline(always)]
    fn run<L: Lanes>(self) -> Self::Output {
        let Self { sampler, source, target, mut warped, plan, first } = self;
        let to = K::rounding::<P::Channel>();
        // Only this boundary leaves pixels: then it is asked for each.
        let leaves = matches!(source.boundary, Boundary::Transparent);
        let (mut sums, mut loss, mut count) = (Sums::default(), Loss::<P>::default(), 0);
        let (mut slopes, mut values) = (Slopes::<P>::new(sampler.level()), [<P::Sampled>::zero(); CHUNK]);
        let mut residuals = [P::zero_cotangent(); CHUNK];
        for (k, row) in target.rows().enumerate() {
            let y = first + k;
            let mut squares = Loss::<P>::default();
            for (start, walk, len) in plan.row(y, target.width()) {
                for at in (0..len).step_by(CHUNK) {
                    let (mut along, x) = (walk.at(at), start + at);
                    let walk = along.clone();
                    let targets = row.get(x..start + len.min(at + CHUNK)).unwrap_or_default();
                    let values = values.get_mut(..targets.len()).unwrap_or_default();
                    let wanted = if leaves { Default::default() } else { &mut *values };
                    slopes.find::<_, _, true>(&sampler.kernel, &source, &walk, wanted, targets.len());
                    for (i, ((residual, value), target)) in
                        residuals.iter_mut().zip(&mut *values).zip(targets).enumerate()
                    {
                        *residual = P::zero_cotangent();
                        let channels = <P::Sampled>::flatten_mut(core::slice::from_mut(value));
                        let left = leaves && !sampler.kernel.value(&source, along.position(to), channels);
                        along.step();
                        if left {
                            continue;
                        }
                        let residuals = P::flatten_cotangents_mut(core::slice::from_mut(residual));
                        let targets = <P::Sampled>::flatten(core::slice::from_ref(target));
                        for ((r, &v), &t) in residuals.iter_mut().zip(channels.iter()).zip(targets) {
                            *r = P::Channel::residual(v, t);
                            P::Channel::square(*r).add_to(&mut squares, 1);
                        }
                        count += 1;
                        if let Some(out) = warped.as_mut().and_then(|image| image.get_mut(x + i, k)) {
                            *out = *value;
                        }
                    }
                    let residuals = residuals.get(..targets.len()).unwrap_or_default();
                    sums.add_run::<P, T, _>(&slopes, residuals, &walk, (x, y));
                }
            }
            sums.end_row();
            <ProductOf<P>>::join(&mut loss, squares);
        }
        Found { sums, loss, count }
    }
}

impl<K: Interpolator, P: Tap, T: Transform> Bands for Rows<'_, K, P, T> {
    fn size(&self) -> [usize; 2] {
        [self.target.width(), self.target.height()]
    }
    fn split(self, at: usize) -> (Self, Self) {
        let (above, below) = self.target.split_rows(at);
        let (warped, rest) = self.warped.map(|image| image.split_rows(at)).unzip();
        let first = self.first + at;
        (Self { target: above, warped, ..self }, Self { target: below, warped: rest, first, ..self })
    }
    fn join(above: Self::Output, below: Self::Output) -> Self::Output {
        let mut loss = above.loss;
        <ProductOf<P>>::join(&mut loss, below.loss);
        Found { sums: above.sums.joined(&below.sums), loss, count: above.count + below.count }
    }
}
