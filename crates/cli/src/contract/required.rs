//! Which fields have to be given: the contract's comments say "Required.".

use prost_reflect::{FieldDescriptor, Kind, MethodDescriptor};

use super::current;
use super::flags::Flag;

/// Whether a field has to be given.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It has to.
    Always,
    /// It, or another field of the same choice.
    OneOf,
    /// Where this part of the request is given, which may be left out.
    Within(String),
    /// It may be left out.
    Never,
}

impl Need {
    /// Whether a call without it, and without what may stand for it, is refused.
    pub(super) fn is_needed(&self) -> bool {
        matches!(self, Self::Always | Self::OneOf)
    }
}

/// Whether a command's field has to be given by who types it. What the command finds out by itself does not have to be.
pub(super) fn need(method: &MethodDescriptor, flag: &Flag) -> Need {
    let Some(field) = flag.field() else { return Need::Never };
    if flag.name == "request-id" || current::is_etag(method, flag) || is_mask(field) {
        return Need::Never;
    }
    if method.input().get_field_by_name("update_mask").is_some() && flag.path.len() > 1 {
        // Of a resource that is changed, what says which one it is has to be given, and the rest is chosen.
        let is_subject = method.input().fields().any(|own| own.name() == field.name());
        let says_which = flag.path.len() == 2 && field.number() == 1 && !is_subject;
        return if says_which { Need::Always } else { Need::Never };
    }
    if is_word(flag) {
        return Need::Always;
    }
    let is_choice = is_only_choice(field);
    if !is_choice && !vouch_contract::is_required(field) {
        return Need::Never;
    }
    let part = flag.path.iter().rev().skip(1).find(|part| !vouch_contract::is_required(part));
    match part {
        Some(part) => Need::Within(part.name().replace('_', " ")),
        None if is_choice => Need::OneOf,
        None => Need::Always,
    }
}

/// Whether a flag is a yes or a no that somebody gives: the contract says what either of them means, so that neither is what nobody said.
pub(super) fn is_word(flag: &Flag) -> bool {
    let [field] = flag.path.as_slice() else { return false };
    let comment = vouch_contract::comment(field.full_name());
    field.kind() == Kind::Bool && ["True: ", "False: "].iter().all(|word| comment.contains(word))
}

/// A comment in one line, without the sentence that says that the field is required.
pub(super) fn without_the_word(comment: &str) -> String {
    let words: Vec<&str> = comment.split_whitespace().filter(|word| *word != "Required.").collect();
    words.join(" ")
}

/// Whether a field is one of the branches of which its message consists: then one of them has to be given.
fn is_only_choice(field: &FieldDescriptor) -> bool {
    let choice = field.containing_oneof();
    choice.is_some_and(|choice| {
        choice.fields().len() > 1 && choice.fields().len() == field.parent_message().fields().len()
    })
}

fn is_mask(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == "google.protobuf.FieldMask")
}
