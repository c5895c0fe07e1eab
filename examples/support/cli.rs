//! What the examples with a command line share: how they end, the models, and memory.
//!
//! Exit status 0: well; 3: ended, but not well, and the result so far is printed; 2: bad input, one line
//! on stderr says what is wrong, and nothing is written.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, ValueEnum};

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
