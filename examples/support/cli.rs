//! What the examples with a command line share: how they end, the models, how to align, and memory.
//!
//! Exit status 0: well; 3: ended, but not well, and the result so far is printed; 2: bad input, one line
//! on stderr says what is wrong, and nothing is written.

use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;
use clap::error::ErrorKind;
use clap::{Args, Parser, ValueEnum, value_parser};
use nonius::align::{self, Options};

/// The models of the crate, each containing those before it.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Model {
    /// A shift (2 parameters)
    Translation,
    /// Rotation and shift (3)
    Euclidean,
    /// Rotation, scale and shift (4)
    Similarity,
    /// Any linear map and shift (6)
    Affine,
    /// A projective map (8)
    Homography,
}

impl Model {
    pub fn name(self) -> &'static str {
        match self {
            Model::Translation => "translation",
            Model::Euclidean => "euclidean",
            Model::Similarity => "similarity",
            Model::Affine => "affine",
            Model::Homography => "homography",
        }
    }
}

/// Evaluates an expression with `$t` as the transform of a model.
macro_rules! with_model {
    ($model:expr, $t:ident => $e:expr) => {{
        use $crate::support::cli::Model;
        match $model {
            Model::Translation => {
                type $t = nonius::Translation;
                $e
            }
            Model::Euclidean => {
                type $t = nonius::Euclidean;
                $e
            }
            Model::Similarity => {
                type $t = nonius::Similarity;
                $e
            }
            Model::Affine => {
                type $t = nonius::Affine;
                $e
            }
            Model::Homography => {
                type $t = nonius::Homography;
                $e
            }
        }
    }};
}
pub(crate) use with_model;

/// How to align: what a user would choose of the crate's options.
#[derive(Args)]
#[command(next_help_heading = "Alignment")]
pub struct Settings {
    /// Levels of the pyramid, 1 to 15; 1 is the images alone [default: as many as their size gives]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = level_count())]
    levels: Option<usize>,

    /// Iterations on each level, at most: 1 to 65535
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = value_parser!(u16).range(1..),
        default_value_t = Options::default().max_iterations)]
    max_iterations: u16,

    /// How far to search for a shift to start from: part of the sides of the fixed image, 0 (not at all) to 1
    #[arg(long, value_name = "PART", allow_negative_numbers = true, value_parser = number(0.0..=1.0),
        default_value_t = Options::default().search)]
    search: f64,

    /// How far to search for a turn to start from, to either side: 0 (not at all) to 180; not of translations
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, value_parser = number(0.0..=180.0),
        default_value_t = 0.0)]
    rotation: f64,

    /// Whose gradients lead to the next step
    #[arg(long, value_enum, default_value_t)]
    method: Method,

    /// How the moving image is interpolated in the last steps
    #[arg(long, value_enum, default_value_t)]
    finish: Finish,

    /// What parts of the images do that do not match
    #[arg(long, value_enum, default_value_t)]
    robust: Robust,

    /// Part of the pixels to look at, those with the largest gradients: 0.125 to 1, in eighths
    #[arg(long, value_name = "PART", allow_negative_numbers = true, value_parser = number(0.125..=1.0),
        default_value_t = Options::default().selection)]
    selection: f64,

    /// Take gain to be 1 and offset 0, instead of estimating them
    #[arg(long)]
    same_exposure: bool,

    /// Let no step make the correlation of the images smaller, however short it is
    #[arg(long)]
    monotone: bool,
}

impl Settings {
    /// The crate's options.
    pub fn options(&self) -> Options {
        Options {
            levels: self.levels,
            max_iterations: self.max_iterations,
            search: self.search,
            rotation: self.rotation.to_radians(),
            method: self.method.into(),
            finish: self.finish.into(),
            robust: self.robust.into(),
            selection: self.selection,
            gain_and_offset: !self.same_exposure,
            monotone: self.monotone,
            ..Options::default()
        }
    }

    /// What is wrong with the options for images of their size.
    pub fn refusal(&self, error: nonius::Error) -> String {
        match self.levels {
            Some(n) if error == nonius::Error::InvalidOption => {
                format!("--levels {n}: too many, the smaller image cannot be halved so often")
            }
            _ => error.to_string(),
        }
    }
}

/// Whose gradients lead to the next step.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Method {
    /// Those of both at the first of several levels, then the fixed image's
    #[default]
    Mixed,
    /// The fixed image's
    InverseCompositional,
    /// Those of both images: fewer steps where images are far apart, but all of it takes longer
    SecondOrder,
}

impl From<Method> for align::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Mixed => Self::Mixed,
            Method::InverseCompositional => Self::InverseCompositional,
            Method::SecondOrder => Self::SecondOrder,
        }
    }
}

/// How the moving image is interpolated in the last steps.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Finish {
    /// Between 2x2 pixels
    #[default]
    Bilinear,
    /// By the quintic through 6x6 pixels: for hundredths of a pixel, where noise is low
    Lagrange,
}

impl From<Finish> for align::Interpolation {
    fn from(finish: Finish) -> Self {
        match finish {
            Finish::Bilinear => Self::Bilinear,
            Finish::Lagrange => Self::Lagrange,
        }
    }
}

/// What parts of the images do that do not match.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Robust {
    /// They count as all others: least squares
    #[default]
    None,
    /// They count less
    Huber,
    /// They count less and less, and in the end not at all
    Tukey,
}

impl From<Robust> for align::Robust {
    fn from(robust: Robust) -> Self {
        match robust {
            Robust::None => Self::None,
            Robust::Huber => Self::Huber,
            Robust::Tukey => Self::Tukey,
        }
    }
}

/// Reads the value of --levels.
fn level_count() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=15)
}

/// Reads a number of a range.
pub fn number(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| match text.parse() {
        Ok(v) if range.contains(&v) => Ok(v),
        _ => Err(format!("a number from {} to {} is needed", range.start(), range.end())),
    }
}

/// Reads the command line and runs an example that says whether all went well, or what is wrong
/// with its input.
pub fn main<C: Parser>(run: impl FnOnce(&C) -> Result<bool, String>) -> ExitCode {
    let cli = match C::try_parse() {
        Ok(cli) => cli,
        Err(e) if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Fails only where there is nobody to read it.
            let _ = e.print();
            return ExitCode::SUCCESS;
        }
        Err(e) => return refuse(&first_paragraph(&e.to_string())),
    };
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => refuse(&format!("error: {error}")),
    }
}

/// Bad input: one line on stderr, exit status 2.
fn refuse(line: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{line}");
    ExitCode::from(2)
}

/// What an error of the argument parser says before it turns to usage, on one line.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// Prints a result.
pub fn print(text: &str) -> Result<(), String> {
    match writeln!(io::stdout(), "{text}") {
        // A reader that has seen enough is no error.
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {e}")),
        _ => Ok(()),
    }
}

/// Memory for the crate, which has none of its own.
pub fn zeros<T: Copy + Default>(n: usize) -> Result<Vec<T>, String> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(n).map_err(|_| "not enough memory for these images")?;
    buffer.resize(n, T::default());
    Ok(buffer)
}
