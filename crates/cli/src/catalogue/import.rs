//! `vouch license import`: a file, line by line, in batches that the service takes one after the other.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{ArgMatches, Args};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vouch_contract::pb::license::v1 as pb;

use super::files::{self, Line, Lines};
use super::rows::{self, column};
use super::{channel_of, client};
use crate::call;
use crate::output::{self, Problem};

/// How many licences are sent at a time: enough that a commit is for many, few enough that little is repeated.
const BATCH: usize = 1000;
/// How many batches are read ahead of the service's answers.
const AHEAD: usize = 4;

/// Take licences from a file: a line for each, CSV with the names of its columns in the first line, or a JSON object on each line.
///
/// What is there already is left as it is, so that an import that was interrupted is simply started again. A line with a mistake is told with
/// everything that is wrong with it, and hides no other. The columns are those that `vouch license export` writes; required are the key (or
/// its digest with the id of the digest's key), the product, the end user's code and name, the responsible partner, the first day and the
/// zone.
#[derive(Args)]
pub(super) struct ImportArguments {
    /// The file: .csv, or .jsonl.
    file: PathBuf,
    /// Tell what would come of it, and keep nothing. A key that stands in the file twice is found by the import itself where the two are more
    /// than 1,000 lines apart.
    #[arg(long)]
    dry_run: bool,
    /// Begin at this line of the file.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from_line: u64,
}

/// What came of it so far.
#[derive(Default)]
struct Tally {
    created: u64,
    unchanged: u64,
    refused: u64,
}

/// A line with a mistake.
struct Mistake {
    line: u64,
    wrong: Vec<(String, String)>,
}

pub(super) async fn run(arguments: &ImportArguments, given: &ArgMatches) -> Result<ExitCode, Problem> {
    let json = given.get_flag("json");
    let lines = files::read(&arguments.file)?;
    let size = std::fs::metadata(&arguments.file).map_or(0, |metadata| metadata.len());
    let mut client = client(channel_of(given)?);
    let bar = bar(size, json);
    let (requests, sent) = mpsc::channel(AHEAD);
    let (mistakes, mut unreadable) = mpsc::unbounded_channel();
    let in_flight = Arc::new(Mutex::new(VecDeque::new()));
    let reader =
        Reader { requests, mistakes, in_flight: in_flight.clone(), bar: bar.clone(), dry_run: arguments.dry_run };
    let from_line = arguments.from_line;
    let reading = tokio::task::spawn_blocking(move || reader.read(lines, from_line));

    let mut tally = Tally::default();
    let mut reached = from_line;
    let outcome: Result<(), tonic::Status> = async {
        let mut answers = client.import_licenses(ReceiverStream::new(sent)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            let numbers: Vec<u64> =
                in_flight.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default();
            while let Ok(mistake) = unreadable.try_recv() {
                tally.refuse(&mistake, &arguments.file, json);
            }
            tally.take(&answer, &numbers, &arguments.file, json);
            reached = numbers.last().copied().unwrap_or(reached);
            bar.set_message(format!("{} lines", HumanCount(tally.created + tally.unchanged + tally.refused)));
        }
        Ok(())
    }
    .await;
    // The reader ends when its requests have nowhere to go.
    let _ = reading.await;
    while let Ok(mistake) = unreadable.try_recv() {
        tally.refuse(&mistake, &arguments.file, json);
    }
    bar.finish_and_clear();
    if let Err(status) = outcome {
        call::tell(&status, &|_| None);
        output::remark(&format!(
            "       Lines up to {reached} were taken. Start it again: what is there is left as it is."
        ));
        return Ok(ExitCode::FAILURE);
    }
    tally.tell(arguments.dry_run, json);
    Ok(if tally.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the file and sends batches, as fast as the service takes them.
struct Reader {
    requests: mpsc::Sender<pb::ImportLicensesRequest>,
    mistakes: mpsc::UnboundedSender<Mistake>,
    in_flight: Arc<Mutex<VecDeque<Vec<u64>>>>,
    bar: ProgressBar,
    dry_run: bool,
}

impl Reader {
    fn read(self, lines: Lines, from_line: u64) {
        let (mut licenses, mut numbers) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
        for Line { number, row, bytes } in lines {
            self.bar.inc(bytes);
            if number < from_line {
                continue;
            }
            let wrong = match row.map(|row| rows::message(&row)) {
                Ok(Ok(license)) => {
                    licenses.push(license);
                    numbers.push(number);
                    Vec::new()
                }
                Ok(Err(wrong)) => wrong,
                Err(problem) => vec![(String::new(), problem)],
            };
            if !wrong.is_empty() {
                let _ = self.mistakes.send(Mistake { line: number, wrong });
            }
            if licenses.len() == BATCH && !self.send(&mut licenses, &mut numbers) {
                return;
            }
        }
        if !licenses.is_empty() {
            self.send(&mut licenses, &mut numbers);
        }
    }

    /// Sends a batch; false when nobody takes it any more.
    fn send(&self, licenses: &mut Vec<pb::ImportedLicense>, numbers: &mut Vec<u64>) -> bool {
        let licenses = std::mem::replace(licenses, Vec::with_capacity(BATCH));
        let numbers = std::mem::replace(numbers, Vec::with_capacity(BATCH));
        // Ordering: the numbers are there before the answer can be.
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).push_back(numbers);
        let request = pb::ImportLicensesRequest { dry_run: self.dry_run, licenses };
        self.requests.blocking_send(request).is_ok()
    }
}

impl Tally {
    fn take(&mut self, answer: &pb::ImportLicensesResponse, numbers: &[u64], file: &std::path::Path, json: bool) {
        self.created += u64::try_from(answer.created).unwrap_or_default();
        self.unchanged += u64::try_from(answer.unchanged).unwrap_or_default();
        for problem in &answer.problems {
            let place = usize::try_from(problem.place).unwrap_or(usize::MAX);
            let wrong = problem.fields.iter().map(|field| (column(&field.field).to_owned(), field.description.clone()));
            let mistake = Mistake { line: numbers.get(place).copied().unwrap_or_default(), wrong: wrong.collect() };
            self.refuse(&mistake, file, json);
        }
    }

    fn refuse(&mut self, mistake: &Mistake, file: &std::path::Path, json: bool) {
        self.refused += 1;
        let Mistake { line, wrong } = mistake;
        if json {
            let problems: Vec<_> =
                wrong.iter().map(|(column, problem)| json!({ "column": column, "problem": problem })).collect();
            output::line(&json!({ "line": line, "problems": problems }).to_string());
        } else {
            let told: Vec<_> = wrong.iter().map(|(column, problem)| format!("{column} {problem}")).collect();
            output::complaint(&format!("{}:{line}: {}", output::path(file), told.join("; ").trim_start()));
        }
    }

    fn tell(&self, dry_run: bool, json: bool) {
        let Self { created, unchanged, refused } = self;
        if json {
            let told = json!({ "created": created, "unchanged": unchanged, "refused": refused, "dryRun": dry_run });
            output::line(&told.to_string());
            return;
        }
        let entered = if dry_run { "would be entered" } else { "entered" };
        let (created, unchanged) = (HumanCount(*created), HumanCount(*unchanged));
        let told = format!("{created} {entered}, {unchanged} there already, {} with mistakes", HumanCount(*refused));
        if *refused == 0 {
            output::done(&told);
        } else {
            output::complaint(&told);
            output::remark("       Mend these lines and start it again: what is there is left as it is.");
        }
    }
}

fn bar(size: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size.max(1));
    let style = "{percent:>3}% {bar:30} {binary_bytes} of {binary_total_bytes}, {wide_msg} {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
