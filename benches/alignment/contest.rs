//! Who aligns: nonius in its settings, and peers in Python if there are any, all on the same tasks.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cpu_time::ProcessTime;
use nonius::align::{Aligner, Interpolation, Method, Options, Pair, Report, Robust, Status};
use nonius::transform::Matrix;
use nonius::{Image, Transform};

use crate::support::file::{self, Plane};
use crate::table::{Cell, Score};

/// The models of the crate. (Their numbers are in the seeds.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Translation = 0,
    Euclidean = 1,
    Similarity = 4,
    Affine = 2,
    Homography = 3,
}

impl Model {
    pub const ALL: [Self; 5] =
        [Self::Translation, Self::Euclidean, Self::Similarity, Self::Affine, Self::Homography];

    pub fn name(self) -> &'static str {
        match self {
            Self::Translation => "translation",
            Self::Euclidean => "Euclidean",
            Self::Similarity => "similarity",
            Self::Affine => "affine",
            Self::Homography => "homography",
        }
    }
}

/// Evaluates an expression with `$t` as the transform of a model.
macro_rules! with_model {
    ($model:expr, $t:ident => $e:expr) => {
        match $model {
            $crate::contest::Model::Translation => {
                type $t = nonius::Translation;
                $e
            }
            $crate::contest::Model::Euclidean => {
                type $t = nonius::Euclidean;
                $e
            }
            $crate::contest::Model::Similarity => {
                type $t = nonius::Similarity;
                $e
            }
            $crate::contest::Model::Affine => {
                type $t = nonius::Affine;
                $e
            }
            $crate::contest::Model::Homography => {
                type $t = nonius::Homography;
                $e
            }
        }
    };
}
pub(crate) use with_model;

/// Two images, where to start, and the truth (fixed to moving pixels).
pub struct Task {
    pub model: Model,
    pub fixed: Plane<u8>,
    pub moving: Plane<u8>,
    pub start: Matrix,
    pub truth: Matrix,
}

/// What somebody made of a task.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Not finite where the contestant gave up.
    pub matrix: Matrix,
    /// Processor time.
    pub milliseconds: f64,
    /// Whether the contestant itself says that it converged.
    pub converged: bool,
}

/// An alignment by nonius: the report and the processor time in milliseconds.
pub fn nonius<T: Transform>(task: &Task, options: Options) -> (Report<T>, Option<T::Covariance>, f64) {
    fn view(plane: &Plane<u8>) -> Image<'_, u8> {
        plane.image().expect("not empty")
    }
    let pair = Pair::new(view(&task.fixed), view(&task.moving));
    let size = Aligner::<u8, T>::workspace(&pair, &options).expect("valid options");
    let (mut pixels, mut masks) = (vec![0; size.pixels], vec![0; size.masks]);
    let start = T::from_matrix(task.start).expect("a valid start");
    let clock = ProcessTime::now();
    let mut aligner = Aligner::new(pair, start, options, &mut pixels, &mut masks).expect("enough memory");
    let report = aligner.run();
    let milliseconds = clock.elapsed().as_secs_f64() * 1e3;
    (report, aligner.covariance(), milliseconds)
}

pub enum Contestant {
    Nonius { name: &'static str, options: Options },
    Peer { name: String, server: usize, method: &'static str },
}

impl Contestant {
    pub fn name(&self) -> &str {
        match self {
            Self::Nonius { name, .. } => name,
            Self::Peer { name, .. } => name,
        }
    }
}

/// Everybody, and the processes of the peers.
pub struct Contest {
    pub contestants: Vec<Contestant>,
    servers: Vec<Server>,
    folder: PathBuf,
    turn: usize,
}

/// Names and options.
pub type Settings = Vec<(&'static str, Options)>;

/// The settings of nonius that take part in every protocol.
pub fn settings() -> Settings {
    let usual = Options::default();
    vec![
        ("nonius", usual),
        ("nonius, half of the pixels", Options { selection: 0.5, ..usual }),
        ("nonius, inverse compositional", Options { method: Method::InverseCompositional, ..usual }),
        ("nonius, smooth finish", Options { finish: Interpolation::Lagrange, ..usual }),
    ]
}

/// Those and the others, each with one option that is not the usual one.
pub fn every_setting() -> Settings {
    let usual = Options::default();
    let others = [
        ("nonius, a quarter of the pixels", Options { selection: 0.25, ..usual }),
        ("nonius, second order", Options { method: Method::SecondOrder, ..usual }),
        ("nonius, Huber", Options { robust: Robust::Huber, ..usual }),
        ("nonius, Tukey", Options { robust: Robust::Tukey, ..usual }),
        ("nonius, monotone", Options { monotone: true, ..usual }),
        ("nonius, same exposure", Options { gain_and_offset: false, ..usual }),
        ("nonius, no search", Options { search: 0.0, ..usual }),
        ("nonius, search for turns by 30 degrees", Options { rotation: 30_f64.to_radians(), ..usual }),
    ];
    settings().into_iter().chain(others).collect()
}

/// Library, and the methods of it: name in tables, name in requests.
const PEERS: [(&str, &[(&str, &str)]); 3] = [
    ("opencv", &[("ECC", "ecc"), ("ECC MultiScale", "multiscale")]),
    ("turboreg", &[("TurboReg", "turboreg")]),
    ("simpleitk", &[("SimpleITK correlation", "correlation"), ("SimpleITK MI", "mutual-information")]),
];

impl Contest {
    /// nonius in some settings, and the peers of a Python interpreter that has them, whose names contain one of the
    /// words.
    pub fn new(settings: Settings, python: Option<&Path>, who: &[String]) -> Result<Self, String> {
        let mut contestants: Vec<Contestant> =
            settings.into_iter().map(|(name, options)| Contestant::Nonius { name, options }).collect();
        let mut servers = Vec::new();
        let folder = std::env::temp_dir().join(format!("nonius-alignment-{}", std::process::id()));
        if let Some(python) = python {
            file::make_folder(&folder)?;
            for (library, methods) in PEERS {
                let mut server = Server::start(python, library)?;
                let version = server.ask("version")?;
                for (name, method) in methods {
                    let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
                    let name = match library {
                        "opencv" => format!("OpenCV {version} {name}"),
                        _ => format!("{first} {version} {rest}").trim_end().to_owned(),
                    };
                    contestants.push(Contestant::Peer { name, server: servers.len(), method });
                }
                servers.push(server);
            }
        }
        contestants.retain(|c| who.iter().any(|word| c.name().to_lowercase().contains(&word.to_lowercase())));
        Ok(Self { contestants, servers, folder, turn: 0 })
    }

    /// Everybody's outcome of a task; none from who has not the model. Another contestant begins each time.
    pub fn run(&mut self, task: &Task) -> Result<Vec<Option<Outcome>>, String> {
        if !self.servers.is_empty() {
            let doubles = |m: &Matrix| m.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
            for (name, bytes) in
                [("fixed", &task.fixed.data), ("moving", &task.moving.data), ("start", &doubles(&task.start))]
            {
                std::fs::write(self.folder.join(name), bytes).map_err(|e| e.to_string())?;
            }
        }
        let mut outcomes = vec![None; self.contestants.len()];
        for i in 0..outcomes.len() {
            let i = (i + self.turn) % outcomes.len();
            outcomes[i] = match &self.contestants[i] {
                Contestant::Nonius { options, .. } => Some(with_model!(task.model, T => {
                    let (report, _, milliseconds) = nonius::<T>(task, *options);
                    let converged = report.status == Status::Converged;
                    Outcome { matrix: report.transform.matrix(), milliseconds, converged }
                })),
                Contestant::Peer { server, method, .. } => {
                    self.servers[*server].align(method, task, &self.folder)?
                }
            };
        }
        self.turn += 1;
        Ok(outcomes)
    }
}

impl Drop for Contest {
    fn drop(&mut self) {
        if !self.servers.is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// A process that answers requests, one line each: `benches/peers/worker.py`.
struct Server {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    fn start(python: &Path, library: &str) -> Result<Self, String> {
        let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/worker.py");
        let mut command = Command::new(python);
        command.arg(worker).arg(library).stdin(Stdio::piped()).stdout(Stdio::piped());
        for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] {
            command.env(variable, "1");
        }
        let mut process = command.spawn().map_err(|e| format!("{}: {e}", python.display()))?;
        let requests = process.stdin.take();
        let answers = process.stdout.take().ok_or("no answers")?;
        Ok(Self { process, requests, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, request: &str) -> Result<String, String> {
        let mut answer = String::new();
        let written = self.requests.as_mut().map(|to| writeln!(to, "{request}").and_then(|()| to.flush()));
        let read = self.answers.read_line(&mut answer);
        match (written, read) {
            (Some(Ok(())), Ok(n)) if n > 0 => Ok(answer.trim().to_owned()),
            _ => Err(format!("no answer to: {request}")),
        }
    }

    fn align(&mut self, method: &str, task: &Task, folder: &Path) -> Result<Option<Outcome>, String> {
        let mut request = format!("align {method} {}", task.model.name().to_lowercase());
        let (fixed, moving) = (&task.fixed, &task.moving);
        let shape = [fixed.height, fixed.width, moving.height, moving.width].map(|v| v.to_string()).join(",");
        // Writing to a string cannot fail.
        let _ = write!(request, " {shape} {}", folder.display());
        let answer = self.ask(&request)?;
        let Some(id) = answer.strip_prefix("ready ") else { return Ok(None) };
        let nanoseconds = self.ask(&format!("time {id} 1"))?.parse::<f64>().map_err(|e| e.to_string())?;
        let result = folder.join("result");
        self.ask(&format!("write {id} {}", result.display()))?;
        self.ask("forget")?;
        let bytes = std::fs::read(result).map_err(|e| e.to_string())?;
        let mut matrix = [f64::NAN; 9];
        for (entry, bytes) in matrix.iter_mut().zip(bytes.as_chunks().0) {
            *entry = f64::from_le_bytes(*bytes);
        }
        let converged = matrix.iter().all(|v| v.is_finite());
        Ok(Some(Outcome { matrix, milliseconds: nanoseconds / 1e6, converged }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its loop ends with its input.
        drop(self.requests.take());
        let _ = self.process.wait();
    }
}

/// The distances between two matrices' images of points; infinite where either is not finite.
pub fn distances(a: &Matrix, b: &Matrix, points: &[(f64, f64)]) -> Vec<f64> {
    let project = |m: &Matrix, x: f64, y: f64| {
        let d = m[6] * x + m[7] * y + m[8];
        ((m[0] * x + m[1] * y + m[2]) / d, (m[3] * x + m[4] * y + m[5]) / d)
    };
    let distance = |&(x, y): &(f64, f64)| {
        let ((u, v), (s, t)) = (project(a, x, y), project(b, x, y));
        let distance = (u - s).hypot(v - t);
        if distance.is_finite() { distance } else { f64::INFINITY }
    };
    points.iter().map(distance).collect()
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The root of the mean of the squares.
pub fn rms(values: &[f64]) -> f64 {
    mean(&values.iter().map(|v| v * v).collect::<Vec<_>>()).sqrt()
}

/// A contestant's errors, processor times and words.
#[derive(Clone, Default)]
pub struct Results {
    pub errors: Vec<f64>,
    milliseconds: Vec<f64>,
    mistaken: usize,
}

impl Results {
    /// Adds an outcome, whose error is the root mean square over points.
    pub fn add(&mut self, outcome: &Outcome, task: &Task, points: &[(f64, f64)]) {
        let error = rms(&distances(&outcome.matrix, &task.truth, points));
        self.errors.push(error);
        self.milliseconds.push(outcome.milliseconds);
        self.mistaken += usize::from(outcome.converged && error > 1.0);
    }

    /// In a word; `error` is made of all errors. Nothing without any run.
    pub fn score(&self, error: impl FnOnce(&[f64]) -> f64) -> Cell {
        let n = self.errors.len() as f64;
        if self.errors.is_empty() {
            return Cell::Absent;
        }
        Cell::Score(Score {
            success: self.errors.iter().filter(|e| **e <= 1.0).count() as f64 / n,
            error: error(&self.errors),
            milliseconds: median(&self.milliseconds),
            mistaken: self.mistaken as f64 / n,
        })
    }
}

/// The value below which a part of the values lies; infinite for none.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::INFINITY)
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}
