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

use super::files::{self, Format, Line, Lines};
use super::rows::{self, column};
use super::{channel_of, client, role_of};
use crate::output::{self, Problem};
use crate::reach::Reach;
use crate::refusal::{self, Called};

/// How many licences are sent at a time: enough that a commit is for many, few enough that little is repeated.
const BATCH: usize = 2000;
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
    /// The file: .csv, or .jsonl; `-` reads standard input.
    file: PathBuf,
    /// The form of the file. Where left out, the ending of its name says it; standard input is JSON lines.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Tell what would come of it, and keep nothing. A key that stands in the file twice is found by the import itself where the two are more
    /// than 1,000 lines apart.
    #[arg(long)]
    dry_run: bool,
    /// Begin at this line of the file.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from_line: u64,
    /// Print a JSON object for each bad line, then the result.
    #[arg(long, help_heading = "Options")]
    json: bool,
}

/// What came of it so far, and how it is told.
struct Tally {
    file: String,
    json: bool,
    created: u64,
    unchanged: u64,
    refused: u64,
}

/// A line with a mistake.
struct Mistake {
    line: u64,
    wrong: Vec<(String, String)>,
}

/// What was read for one answer of the service: the lines that were sent, and those among them that could not be.
#[derive(Default)]
struct Batch {
    numbers: Vec<u64>,
    mistakes: Vec<Mistake>,
}

/// What the file held.
#[derive(Default)]
struct Seen {
    /// The number of its last line; 0 where it has none.
    last: u64,
    /// Whether one of them was to be taken.
    any: bool,
    /// Lines with mistakes behind the last that was sent.
    rest: Vec<Mistake>,
}

pub(super) async fn run(arguments: &ImportArguments, given: &ArgMatches) -> Result<ExitCode, Problem> {
    let json = given.get_flag("json");
    let file = files::name(&arguments.file);
    let lines = files::read(&arguments.file, arguments.format)?;
    let size = std::fs::metadata(&arguments.file).map_or(0, |metadata| metadata.len());
    let mut client = client(channel_of(given, Reach::patient)?);
    let bar = bar(size, json);
    let (requests, sent) = mpsc::channel(AHEAD);
    let in_flight = Arc::new(Mutex::new(VecDeque::new()));
    let reader = Reader { requests, in_flight: in_flight.clone(), bar: bar.clone(), dry_run: arguments.dry_run };
    let from_line = arguments.from_line;
    let reading = tokio::task::spawn_blocking(move || reader.read(lines, from_line));

    let mut tally = Tally { file: file.clone(), json, created: 0, unchanged: 0, refused: 0 };
    let mut reached = None;
    let outcome: Result<(), tonic::Status> = async {
        let mut answers = client.import_licenses(ReceiverStream::new(sent)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            let batch = in_flight.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or_default();
            reached = batch.numbers.last().copied().or(reached);
            tally.take(&answer, batch);
            bar.set_message(format!("{} lines", HumanCount(tally.created + tally.unchanged + tally.refused)));
        }
        Ok(())
    }
    .await;
    // The reader ends when its requests have nowhere to go.
    let seen = reading.await.map_err(|error| Problem::new(format!("{file} cannot be read: {error}")))?;
    bar.finish_and_clear();
    if let Err(status) = outcome {
        let rpc = "license.v1.LicenseService/ImportLicenses";
        let problem = refusal::problem(&status, &Called::plainly(role_of(given), rpc));
        return Err(problem.next(match reached {
            Some(line) if arguments.dry_run => format!("Lines up to {line} were looked at."),
            Some(line) => format!("Lines up to {line} were taken. Start it again: what is there is left as it is."),
            None => "Nothing was taken.".to_owned(),
        }));
    }
    if !seen.any {
        return Err(Problem::new(match seen.last {
            0 => format!("{file} has no line with a licence"),
            last => format!("{file} ends with line {last}, before line {from_line}"),
        }));
    }
    for mistake in &seen.rest {
        tally.refuse(mistake);
    }
    tally.tell(arguments.dry_run);
    Ok(if tally.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the file and sends batches, as fast as the service takes them.
struct Reader {
    requests: mpsc::Sender<pb::ImportLicensesRequest>,
    in_flight: Arc<Mutex<VecDeque<Batch>>>,
    bar: ProgressBar,
    dry_run: bool,
}

impl Reader {
    fn read(self, lines: Lines, from_line: u64) -> Seen {
        let (mut licenses, mut batch, mut seen) = (Vec::with_capacity(BATCH), Batch::default(), Seen::default());
        for Line { number, row, bytes } in lines {
            self.bar.inc(bytes);
            seen.last = number;
            if number < from_line {
                continue;
            }
            seen.any = true;
            let wrong = match row.map(|row| rows::message(&row)) {
                Ok(Ok(license)) => {
                    licenses.push(license);
                    batch.numbers.push(number);
                    Vec::new()
                }
                Ok(Err(wrong)) => wrong,
                Err(problem) => vec![(String::new(), problem)],
            };
            if !wrong.is_empty() {
                batch.mistakes.push(Mistake { line: number, wrong });
            }
            if licenses.len() == BATCH && !self.send(&mut licenses, &mut batch) {
                return seen;
            }
        }
        if licenses.is_empty() {
            seen.rest = batch.mistakes;
        } else {
            self.send(&mut licenses, &mut batch);
        }
        seen
    }

    /// Sends a batch; false when nobody takes it any more.
    fn send(&self, licenses: &mut Vec<pb::ImportedLicense>, batch: &mut Batch) -> bool {
        let licenses = std::mem::replace(licenses, Vec::with_capacity(BATCH));
        // Ordering: the numbers are there before the answer can be.
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).push_back(std::mem::take(batch));
        let request = pb::ImportLicensesRequest { dry_run: self.dry_run, licenses };
        self.requests.blocking_send(request).is_ok()
    }
}

impl Tally {
    /// Takes what came of a batch, and tells its bad lines in the order of the file.
    fn take(&mut self, answer: &pb::ImportLicensesResponse, batch: Batch) {
        self.created += u64::try_from(answer.created).unwrap_or_default();
        self.unchanged += u64::try_from(answer.unchanged).unwrap_or_default();
        let Batch { numbers, mut mistakes } = batch;
        mistakes.extend(answer.problems.iter().map(|problem| {
            let place = usize::try_from(problem.place).unwrap_or(usize::MAX);
            let wrong = problem.fields.iter().map(|field| (column(&field.field).to_owned(), field.description.clone()));
            Mistake { line: numbers.get(place).copied().unwrap_or_default(), wrong: wrong.collect() }
        }));
        mistakes.sort_by_key(|mistake| mistake.line);
        for mistake in &mistakes {
            self.refuse(mistake);
        }
    }

    fn refuse(&mut self, mistake: &Mistake) {
        self.refused += 1;
        let Mistake { line, wrong } = mistake;
        if self.json {
            let problems: Vec<_> =
                wrong.iter().map(|(column, problem)| json!({ "column": column, "problem": problem })).collect();
            output::line(&json!({ "line": line, "problems": problems }).to_string());
        } else {
            let told: Vec<_> = wrong.iter().map(|(column, problem)| format!("{column} {problem}")).collect();
            output::complaint(&format!("{}:{line}: {}", self.file, told.join("; ").trim_start()));
        }
    }

    fn tell(&self, dry_run: bool) {
        let Self { created, unchanged, refused, json, .. } = self;
        if *json {
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
