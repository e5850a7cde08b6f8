//! `vouch license …`, `vouch agreement …` and so on: a command for every RPC, made from the contract itself, so that none is
//! missing and each says what the contract says.
//!
//! Read in this order: `names` (a group for each RPC service, a command for each RPC), `flags` (a flag for each field), `required` (which
//! have to be given), `values` (texts to values), `commands` (all of it as clap has it), `roles` (who calls, by the access rule), `request`
//! (flags to a message), `numbers` (those of tickets and cases, in the place of ids), `current` (the resource as it is now: its etag), `versions` (those of several), `pages` and `streams` (the calls that
//! are more than one answer), `content` and `found` (streams of bytes, and of what a search finds), `cells`, `columns`, `table`,
//! `findings`, `problems` and `answer` (what a person reads), `next` (what comes next).

mod answer;
mod cells;
mod columns;
mod commands;
mod content;
mod current;
mod events;
mod findings;
mod flags;
mod found;
mod names;
mod next;
mod numbers;
mod pages;
mod problems;
mod request;
mod required;
mod roles;
mod streams;
mod table;
mod values;
mod versions;

pub(crate) use findings::finding;
pub(crate) use numbers::ticket_id;
pub(crate) use request::fresh;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;
use prost_reflect::MethodDescriptor;
use tonic::{Code, Status};

pub(crate) use self::commands::add;
use self::flags::Flag;
use self::pages::Paged;
use self::table::View;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::refusal::{self, Called};
use crate::{call, near};

/// Lists fetch this many things where nobody says how many.
const LIMIT: usize = 100;

/// What a person asked for with a command.
struct Asked {
    method: MethodDescriptor,
    flags: Vec<Flag>,
    folder: Folder,
    role: Role,
    json: bool,
    view: View,
    limit: Option<usize>,
}

/// Runs the command of an RPC; `None` where the command is a hand-written one.
pub(crate) async fn run(matches: &ArgMatches) -> Option<Result<ExitCode, Problem>> {
    let (group, within) = matches.subcommand()?;
    let (command, given) = within.subcommand()?;
    let method = commands::method(group, command)?;
    Some(call(method, given).await)
}

async fn call(method: MethodDescriptor, given: &ArgMatches) -> Result<ExitCode, Problem> {
    let data: PathBuf = given.get_one("data").cloned().unwrap_or_default();
    let role = given.get_one("as").copied().unwrap_or_else(|| roles::fitting(&method));
    let asked = Asked {
        folder: Folder::open(&data)?,
        flags: flags::of(&method.input()),
        role,
        json: given.get_flag("json"),
        view: View::here(given.get_flag("wide")),
        // Not every command has it.
        limit: given.try_get_one("limit").ok().flatten().copied(),
        method,
    };
    let mut intent = request::read(&asked, given)?;
    // Content goes to its place; told as JSON it is an answer like any other.
    let file = given.try_get_one::<PathBuf>("output").ok().flatten().map(PathBuf::as_path);
    if asked.json && file.is_some() {
        return Err(Problem::new(
            "--output takes the content as it is, and --json tells it as messages: one or the other",
        ));
    }
    let is_content = content::field(&asked.method).is_some() && !asked.json;
    let sink = (is_content || file.is_some()).then(|| content::Sink::open(file)).transpose()?;
    let outcome = carry_out(&asked, &mut intent, (sink, file)).await;
    outcome.map(|()| ExitCode::SUCCESS).map_err(|status| refused(&asked, &intent, &status))
}

/// Finds out what was not said, calls, and shows what comes back.
async fn carry_out(
    asked: &Asked,
    intent: &mut request::Intent,
    to: (Option<content::Sink>, Option<&Path>),
) -> Result<(), Status> {
    numbers::resolve(asked, intent).await?;
    current::complete(asked, intent).await?;
    answer(asked, intent.message.clone(), to).await
}

/// Calls, and shows what comes back.
async fn answer(
    asked: &Asked,
    request: prost_reflect::DynamicMessage,
    (sink, file): (Option<content::Sink>, Option<&Path>),
) -> Result<(), Status> {
    if asked.method.is_server_streaming() {
        return streams::follow(asked, request, sink).await;
    }
    let (mut answer, more) = match Paged::of(&asked.method) {
        Some(paged) => pages::fetch(asked, &paged, request.clone()).await?,
        None => (call::call(&asked.folder, asked.role, &asked.method, request.clone()).await?, false),
    };
    if let Some((field, sink)) = content::file(&asked.method).zip(sink) {
        content::put(&mut answer, &field, sink)?;
    }
    if asked.json {
        output::line(&call::show(&answer));
    } else {
        answer::tell(&answer, &asked.view, asked.method.input().get_field_by_name("request_id").is_some());
    }
    if more {
        output::remark("There are more: --limit says how many are shown, --limit 0 shows all.");
    }
    if !asked.json {
        for step in next::steps(asked, &request, &answer, file) {
            output::remark(&step);
        }
    }
    Ok(())
}

/// What is told of a refusal, and what to do.
fn refused(asked: &Asked, intent: &request::Intent, status: &Status) -> Problem {
    let rpc = near::name(&asked.method);
    let said = |field: &str| flags::said(&asked.flags, field).or_else(|| numbers::said(&asked.flags, field));
    let problem = refusal::problem(status, &Called { role: asked.role, rpc: &rpc, said: &said });
    let is_uncertain =
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Internal | Code::Unknown);
    match &intent.request_id {
        Some(id) if is_uncertain => {
            problem.next(format!("Repeated with --request-id {id}, it is done once, whatever became of this call."))
        }
        _ => problem,
    }
}

/// Whether an RPC is granted to a role.
pub(crate) fn is_granted(role: Role, rpc: &str) -> bool {
    roles::is_granted(rpc, role)
}

/// Who was refused, and to whom an RPC is granted.
pub(crate) fn standing(role: Role, rpc: &str) -> String {
    let called = format!("It was called as {}.", roles::name(role));
    match call::named(rpc) {
        Some(method) => format!("{called} Granted to: {}; choose with --as.", roles::list(&method)),
        None => called,
    }
}
