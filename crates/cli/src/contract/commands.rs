//! The groups and commands as clap has them, with the contract's comments as their help.

use clap::builder::EnumValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory};
use prost_reflect::{FieldDescriptor, Kind, MethodDescriptor};

use super::flags::{self, Flag, SUBJECT};
use super::names::{self, Group};
use super::pages::Paged;
use super::required::{self, Need};
use super::{LIMIT, content, current, numbers, roles, values};
use crate::identities::Role;
use crate::{Arguments, near};

/// The heading of the flags that are about a call and not in its request.
const OPTIONS: &str = "Options";

/// The heading of the fields that have to be given, and that of the others.
const REQUIRED: &str = "Required fields";
const FIELDS: &str = "Fields";

/// How a text is given that is long, or that nobody else on the machine is to see.
const FILES: &str = "A TEXT may be in a file: @FILE. One that begins with @ itself is written with @@.";

/// That an id may be given by its number.
const BY_NUMBER: &str = " Its short number does as well.";

/// The heads under which `vouch --help` lists the groups of each service.
const HEADS: [(&str, &str); 3] = [
    ("license", "The licence service's RPCs"),
    ("vendor", "The vendor service's RPCs"),
    ("partner", "The partner service's RPCs"),
];

/// Adds the contract's commands to the hand-written ones.
pub(crate) fn add(mut program: Command) -> Command {
    let groups = groups();
    let width = groups.iter().map(|group| group.name.len()).max().unwrap_or_default();
    let written = program.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or_default();
    let listed = HEADS.map(|(package, head)| {
        let groups = groups.iter().filter(|group| names::package(&group.service) == package);
        let lines = groups.map(|group| {
            let about = first_sentence(vouch_contract::comment(group.service.full_name()));
            format!("  {:<1$}  {about}\n", group.name, width.max(written))
        });
        format!("{}\n{}", style(&format!("{head}:")), lines.collect::<String>())
    });
    let listed = listed.join("\n");
    for group in &groups {
        program = program.subcommand(group_command(group));
    }
    program.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}\n{{subcommands}}\n\n{listed}\n{}\n{{options}}\n\n{}",
        style("Commands:"),
        style("Options:"),
        "`vouch COMMAND --help` tells more: of a group, its commands; of a command, its fields and who may\ncall it.\n"
    ))
}

/// The RPC of a command.
pub(super) fn method(group: &str, command: &str) -> Option<MethodDescriptor> {
    let group = groups().into_iter().find(|candidate| candidate.name == group)?;
    let mut commands = names::commands(&group.service).into_iter();
    commands.find(|(name, _)| name == command).map(|(_, method)| method)
}

fn groups() -> Vec<Group> {
    let program = Arguments::command();
    let written: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    names::groups(&written)
}

fn group_command(group: &Group) -> Command {
    let comment = vouch_contract::comment(group.service.full_name());
    let commands = names::commands(&group.service).into_iter().map(|(name, method)| rpc_command(name, &method));
    Command::new(group.name.clone())
        .about(first_sentence(comment))
        .long_about(paragraphs(comment))
        // Listed under a head of their own.
        .hide(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_flag(true)
        .args(common())
        .subcommands(commands)
}

/// What every command takes.
fn common() -> [Arg; 5] {
    [
        Arg::new("help").short('h').long("help").action(ArgAction::Help).help("Print help; in short with -h"),
        Arg::new("data")
            .long("data")
            .value_name("DIR")
            .value_parser(clap::value_parser!(std::path::PathBuf))
            .default_value("vouch-data")
            .help("The data folder"),
        Arg::new("as")
            .long("as")
            .value_name("ROLE")
            .value_parser(EnumValueParser::<Role>::new())
            .hide_possible_values(true)
            .help("Who calls; where left out, somebody to whom it is granted"),
        Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print the answer as JSON, nothing left out"),
        Arg::new("wide").long("wide").action(ArgAction::SetTrue).help("Show every column, and what is empty"),
    ]
    .map(|arg| arg.global(true).help_heading(OPTIONS))
}

fn rpc_command(name: String, method: &MethodDescriptor) -> Command {
    let comment = vouch_contract::comment(method.full_name());
    let input = method.input();
    let flags = flags::of(&input);
    let subject = flags::subject(&flags);
    // What the request carries says which of its fields are read.
    let carried = flags::carried(&input).map(|field| vouch_contract::comment(field.full_name()));
    let carried = carried.map(required::without_the_word).filter(|comment| says_more(comment));
    let whole: Vec<String> = std::iter::once(paragraphs(comment)).chain(carried).collect();
    let mut command = Command::new(name)
        .about(first_sentence(comment))
        .long_about(whole.join("\n\n"))
        .disable_help_flag(true)
        .after_help(format!("RPC: {}\nGranted to: {}\n{FILES}", near::name(method), roles::list(method)));
    if let Some(flag) = subject {
        command = command.arg(subject_argument(method, flag));
    }
    let needs = flags.iter().map(|flag| (flag, required::need(method, flag)));
    let (first, then): (Vec<_>, Vec<_>) = needs.partition(|(_, need)| need.is_needed());
    for (flag, need) in first.into_iter().chain(then) {
        let is_subject = subject.is_some_and(|subject| subject.name == flag.name);
        let others: Vec<_> = flags.iter().filter(|other| flag.excludes(other)).collect();
        let argument = argument(method, (flag, &need), &others, is_subject);
        command = command.arg(argument.conflicts_with_all(others.into_iter().map(Flag::field_path)));
    }
    if Paged::of(method).is_some() {
        command = command.arg(limit(&format!("How many are fetched and shown; 0: all [default: {LIMIT}]")));
    } else if content::field(method).is_some() {
        command =
            command.arg(output("Write the content into this new file; where left out, to standard output as it is"));
    } else if content::file(method).is_some() {
        command = command.arg(output("Write the file that comes into this new one, for nobody else to read"));
    } else if method.is_server_streaming() {
        command = command.arg(limit("End after so many messages; where left out, Ctrl-C ends it"));
    }
    let request = Arg::new("request").long("request").value_name("JSON").help_heading(OPTIONS);
    command
        .arg(request.help("The request in proto3's JSON form, `-` for standard input; flags go before what is in it"))
}

fn output(help: &'static str) -> Arg {
    let arg = Arg::new("output").long("output").value_name("FILE").help_heading(OPTIONS);
    arg.value_parser(clap::value_parser!(std::path::PathBuf)).help(help)
}

fn limit(help: &str) -> Arg {
    let arg = Arg::new("limit").long("limit").value_name("NUMBER").value_parser(clap::value_parser!(usize));
    arg.help(help.to_owned()).help_heading(OPTIONS)
}

fn subject_argument(method: &MethodDescriptor, flag: &Flag) -> Arg {
    let help =
        flag.field().map(|field| vouch_contract::comment(field.full_name()).replace('\n', " ")).unwrap_or_default();
    let number = flag.field().filter(|field| numbers::takes(method, field)).map_or("", |_| BY_NUMBER);
    let help = format!("{help}{number} Or: --{} ID", flag.name);
    let arg = Arg::new(SUBJECT).value_name(flag.name.to_uppercase()).help(help);
    match flag.field() {
        Some(field) => arg.value_parser(values::parser(field)),
        None => arg,
    }
}

fn argument(method: &MethodDescriptor, (flag, need): (&Flag, &Need), others: &[&Flag], is_subject: bool) -> Arg {
    let heading = if need.is_needed() { REQUIRED } else { FIELDS };
    let arg = Arg::new(flag.field_path()).long(flag.name.clone()).help_heading(heading).allow_negative_numbers(true);
    let Some(field) = flag.field() else { return arg };
    let (value_name, hint) = values::look(field);
    let mut hints = vec![hint];
    match need {
        Need::OneOf => {
            let others: Vec<_> = others.iter().map(|other| format!("--{}", other.name)).collect();
            hints.push(format!("This or {} is required.", others.join(" or ")));
        }
        Need::Within(part) => hints.push(format!("Required where the {part} is given.")),
        Need::Always | Need::Never => {}
    }
    if field.is_list() || field.is_map() {
        hints.push("May be given several times.".into());
    }
    if current::is_etag(method, flag) {
        hints.push("Where left out, the command reads it first.".into());
    } else if flag.name == "request-id" {
        hints.push("Where left out, the command makes one.".into());
    }
    let mut arg = arg.value_name(value_name).value_parser(values::parser(field)).help(help(field, &hints));
    // Words and numbers have no comma in them.
    let is_word = matches!(field.kind(), Kind::Enum(_));
    let is_plain = is_word || value_name == "NUMBER";
    arg = arg.value_delimiter((field.is_list() && is_plain).then_some(',')).ignore_case(is_word);
    if field.kind() == Kind::Bool && !field.is_list() {
        arg = arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    } else if field.is_list() || field.is_map() {
        arg = arg.action(ArgAction::Append);
    }
    if is_subject {
        arg = arg.conflicts_with(SUBJECT).hide(true);
    }
    // It can be said, and the service refuses it.
    if flag.is_given_by_service() && !current::is_etag(method, flag) && !need.is_needed() {
        arg = arg.hide(true);
    }
    arg
}

/// A field's comment and what else there is to say, as one paragraph. That it is required its heading says.
fn help(field: &FieldDescriptor, hints: &[String]) -> String {
    let comment = required::without_the_word(vouch_contract::comment(field.full_name()));
    let hints = hints.iter().filter(|hint| !hint.is_empty()).map(String::as_str);
    std::iter::once(comment.as_str()).chain(hints).collect::<Vec<_>>().join(" ")
}

/// A comment's lines joined to paragraphs, so that they can be broken anew; lines that are set in stay as they are, and refusals begin a
/// line of their own.
fn paragraphs(comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines() {
        let is_drawn = line.starts_with("  ");
        let is_apart = is_drawn || line.is_empty() || names_a_refusal(line);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(if is_apart { '\n' } else { ' ' });
        }
        text.push_str(line);
        if line.is_empty() || is_drawn {
            text.push('\n');
        }
    }
    text
}

/// Whether a line begins with a code and a reason: `NOT_FOUND / NOT_FOUND`.
fn names_a_refusal(line: &str) -> bool {
    let code = line.split_once(" / ").map(|(code, _)| code).unwrap_or_default();
    !code.is_empty() && code.chars().all(|character| character.is_ascii_uppercase() || character == '_')
}

/// Whether a comment on what a request carries tells more than that it is there: which of its fields are read, what is refused.
fn says_more(comment: &str) -> bool {
    first_sentence(comment).len() + 1 < comment.len() || comment.contains([':', ','])
}

fn first_sentence(comment: &str) -> String {
    let comment = comment.replace('\n', " ");
    let end = comment.find(". ").or_else(|| comment.rfind('.')).unwrap_or(comment.len());
    comment.get(..end).unwrap_or_default().to_owned()
}

/// A heading of help, as clap makes its own.
fn style(heading: &str) -> String {
    let style = clap::builder::Styles::default();
    let header = style.get_header();
    format!("{header}{heading}{header:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        add(Arguments::command())
    }

    #[test]
    fn the_commands_are_well_formed() {
        program().debug_assert();
    }

    #[test]
    fn every_command_and_every_flag_says_what_it_is() {
        for group in program().get_subcommands() {
            for command in group.get_subcommands() {
                let name = format!("{} {}", group.get_name(), command.get_name());
                assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{name}");
                for arg in command.get_arguments() {
                    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    assert!(!help.is_empty(), "{name} --{}", arg.get_id());
                }
            }
        }
    }

    /// What a command's flags stand under in its help, without those that are not shown.
    fn shown(group: &str, command: &str, heading: &str) -> Vec<String> {
        let program = program();
        let command = program.find_subcommand(group).and_then(|group| group.find_subcommand(command)).unwrap();
        let shown = command.get_arguments().filter(|arg| arg.get_help_heading() == Some(heading) && !arg.is_hide_set());
        shown.filter_map(|arg| arg.get_long().map(str::to_owned)).collect()
    }

    #[test]
    fn what_has_to_be_given_stands_under_a_head_of_its_own() {
        let license =
            ["product-id", "quantity", "end-user-id", "end-user-name", "responsible-partner-id", "valid-from", "zone"];
        assert_eq!(shown("license", "create", REQUIRED), license);
        let optional = shown("license", "create", FIELDS);
        assert!(optional.contains(&"valid-until".to_owned()), "{optional:?}");
        for given in ["key-hint", "state", "state-note", "license-id", "etag", "create-time"] {
            assert!(!optional.contains(&given.to_owned()), "{given} is the service's to give");
        }
        for (group, command, wanted) in [
            ("license", "transfer", &["note"][..]),
            ("license", "set-state", &["state", "note"]),
            ("license", "co-term", &["licenses", "valid-until"]),
            ("agreement", "name-liaison", &["name", "email"]),
            ("agreement", "update-liaison", &["contact-id"]),
            ("partner", "set-standing", &["standing"]),
            ("partner", "update", &[]),
            ("incident", "grant", &["units", "order-reference"]),
            ("business-calendar", "set", &["weekdays", "closes", "etag"]),
            ("entitlement", "check", &["license-key", "license-id"]),
            ("ticket", "confirm-statement", &["etag"]),
            ("escalation", "get-case", &[]),
        ] {
            assert_eq!(shown(group, command, REQUIRED), wanted, "{group} {command}");
        }
        assert!(shown("license", "transfer", FIELDS).contains(&"end-user-name".to_owned()));
        assert!(
            shown("agreement", "create", FIELDS) == ["request-id", "plan"],
            "what is entered is required, but for the plan"
        );
    }

    #[test]
    fn a_flag_says_when_it_is_required_and_its_heading_that_it_always_is() {
        for group in program().get_subcommands() {
            for arg in group.get_subcommands().flat_map(Command::get_arguments).filter(|arg| arg.get_id() != SUBJECT) {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.contains("Required."), "{} --{}: {help}", group.get_name(), arg.get_id());
            }
        }
        let help = |group: &str, command: &str, id: &str| {
            let program = program();
            let command = program.find_subcommand(group).and_then(|group| group.find_subcommand(command)).unwrap();
            let arg = command.get_arguments().find(|arg| arg.get_id() == id).unwrap();
            arg.get_help().unwrap().to_string()
        };
        let subject = help("license", "get", SUBJECT);
        assert_eq!(subject, "The `lic_…` id. Required. Or: --license-id ID");
        let key = help("entitlement", "check", "question.license.license_key");
        assert!(key.ends_with("This or --license-id is required."), "{key}");
        let user = help("license", "transfer", "end_user.end_user_id");
        assert!(user.ends_with("Required where the end user is given."), "{user}");
        let liaisons = help("license", "create", "license.liaisons");
        assert!(liaisons.contains(r#"{"name": …, "email": …, "administrativeRights": …}"#), "{liaisons}");
    }

    #[test]
    fn what_a_request_carries_is_told_where_that_says_something() {
        let about = |group: &str, command: &str| {
            let program = program();
            let command = program.find_subcommand(group).and_then(|group| group.find_subcommand(command)).unwrap();
            command.get_long_about().unwrap().to_string()
        };
        assert!(!about("case-desk", "request-information").contains("What is asked."));
        assert!(!about("catalog", "create-tier").ends_with("The tier."));
        assert!(about("license", "create").contains("product_id"));
        assert!(about("catalog", "publish-release").contains("A last day of support before the release is refused."));
    }

    #[test]
    fn the_first_help_lists_every_group_under_its_service() {
        let help = program().render_help().to_string();
        for (group, service) in [("license", "licence"), ("case-desk", "vendor"), ("ticket", "partner")] {
            let head = help.find(&format!("The {service} service's RPCs")).unwrap();
            assert!(help[head..].contains(&format!("\n  {group} ")), "{help}");
        }
        assert!(groups().iter().all(|group| help.contains(&format!("\n  {} ", group.name))), "{help}");
        assert!(help.find("  up ").unwrap() < help.find("The licence service's").unwrap(), "{help}");
    }

    #[test]
    fn a_comment_is_told_in_paragraphs_and_its_drawings_as_they_are() {
        let comment = "One, and\nmore. Two.\n\n  A --b--> C\n  D\nThree.\nNOT_FOUND / NOT_FOUND: no\nsuch thing.";
        let told = "One, and more. Two.\n\n  A --b--> C\n  D\nThree.\nNOT_FOUND / NOT_FOUND: no such thing.";
        assert_eq!(paragraphs(comment), told);
        assert_eq!(first_sentence(comment), "One, and more");
        assert_eq!(first_sentence("Until v7.2 of it. More."), "Until v7.2 of it");
    }
}
