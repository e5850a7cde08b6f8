//! `vouch license …`, `vouch agreement …` and so on: a command for every RPC, made from the contract itself, so that none is
//! missing and each says what the contract says.
//!
//! Read in this order: `names` (a group for each RPC service, a command for each RPC), `flags` (a flag for each field), `required` (which
//! have to be given), `values` (texts to values), `commands` (all of it as clap has it), `roles` (who calls, by the access rule), `request`
//! (flags to a message), `current` (the resource as it is now: its etag), `versions` (those of several), `pages` and `streams` (the calls that
//! are more than one answer), `content` and `found` (streams of bytes, and of what a search finds), `cells`, `columns`, `table`,
//! `problems` and `answer` (what a person reads).

mod answer;
mod cells;
mod columns;
mod commands;
mod content;
mod current;
mod events;
mod flags;
mod found;
mod names;
mod pages;
mod problems;
mod request;
mod required;
mod roles;
mod streams;
mod table;
mod values;
mod versions;

pub(crate) use request::fresh;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use prost_reflect::MethodDescriptor;
use tonic::{Code, Status};

pub(crate) use self::commands::add;
use self::flags::Flag;
use self::pages::Paged;
use self::table::View;
use crate::call;
use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};

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
    let outcome = match current::complete(&asked, &mut intent).await {
        Ok(()) => answer(&asked, intent.message.clone(), sink).await,
        Err(status) => Err(status),
    };
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(status) => {
            call::tell(&status, &|field| flags::said(&asked.flags, field));
            for line in advice(&asked, &intent, &status) {
                output::remark(&format!("       {line}"));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Calls, and shows what comes back.
async fn answer(
    asked: &Asked,
    request: prost_reflect::DynamicMessage,
    sink: Option<content::Sink>,
) -> Result<(), Status> {
    if asked.method.is_server_streaming() {
        return streams::follow(asked, request, sink).await;
    }
    let (mut answer, more) = match Paged::of(&asked.method) {
        Some(paged) => pages::fetch(asked, &paged, request).await?,
        None => (call::call(&asked.folder, asked.role, &asked.method, request).await?, false),
    };
    if let Some((file, sink)) = content::file(&asked.method).zip(sink) {
        content::put(&mut answer, &file, sink)?;
    }
    if asked.json {
        output::line(&call::show(&answer));
    } else {
        answer::tell(&answer, &asked.view, asked.method.input().get_field_by_name("request_id").is_some());
    }
    if more {
        output::remark("There are more: --limit says how many are shown, --limit 0 shows all.");
    }
    Ok(())
}

/// What to do about a refusal, beside what the service says.
fn advice(asked: &Asked, intent: &request::Intent, status: &Status) -> Vec<String> {
    let reason = vouch_contract::status::reason_of(status);
    let mut lines = Vec::new();
    if matches!(reason.as_str(), "ACCESS_DENIED" | "UNAUTHENTICATED") {
        lines.push(format!(
            "It was called as {}. Granted to: {}.",
            roles::name(asked.role),
            roles::list(&asked.method)
        ));
    }
    let uncertain =
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Internal | Code::Unknown);
    if let Some(id) = intent.request_id.as_ref().filter(|_| uncertain) {
        lines.push(format!("Repeated with --request-id {id}, it is done once, whatever became of this call."));
    }
    lines
}
