//! Lists that come in pages: fetched as one, up to a limit.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, Value};
use tonic::Status;

use super::{Asked, LIMIT};
use crate::call;

/// The most rows that a service gives in one page.
const PAGE: usize = 200;

/// Where an RPC's messages speak of pages.
pub(super) struct Paged {
    /// The request's field that asks for a page.
    asks: FieldDescriptor,
    /// The answer's field that says where the next one begins.
    info: FieldDescriptor,
    /// The answer's field with the things.
    things: FieldDescriptor,
}

impl Paged {
    /// `None` where an RPC is no list in pages.
    pub(super) fn of(method: &MethodDescriptor) -> Option<Self> {
        let asks = method.input().fields().find(is_page)?;
        let info = method.output().fields().find(is_info)?;
        let things =
            method.output().fields().find(|field| field.is_list() && matches!(field.kind(), Kind::Message(_)))?;
        Some(Self { asks, info, things })
    }
}

/// Whether a field asks for a page.
pub(super) fn is_page(field: &FieldDescriptor) -> bool {
    is_message(field, "vouch.common.v1.PageRequest")
}

/// Whether a field says where the next page begins.
pub(super) fn is_info(field: &FieldDescriptor) -> bool {
    is_message(field, "vouch.common.v1.PageInfo")
}

fn is_message(field: &FieldDescriptor, name: &str) -> bool {
    matches!(field.kind(), Kind::Message(message) if message.full_name() == name)
}

/// Fetches pages until there are as many things as are wanted; whether there are more. The answer is the last page's with the things
/// of all.
pub(super) async fn fetch(
    asked: &Asked,
    paged: &Paged,
    mut request: DynamicMessage,
) -> Result<(DynamicMessage, bool), Status> {
    let wanted = match asked.limit.unwrap_or(LIMIT) {
        0 => usize::MAX,
        limit => limit,
    };
    let mut all: Vec<Value> = Vec::new();
    loop {
        let size = i32::try_from((wanted - all.len()).min(PAGE)).map_err(|_| Status::internal("a page has a size"))?;
        if let Some(page) = request.get_field_mut(&paged.asks).as_message_mut() {
            page.set_field_by_name("page_size", Value::I32(size));
        }
        let mut answer = call::call(&asked.folder, asked.role, &asked.method, request.clone()).await?;
        if let Some(Value::List(things)) = answer.take_field(&paged.things) {
            all.extend(things);
        }
        let info = answer.get_field(&paged.info).into_owned();
        let token = info.as_message().and_then(|info| info.get_field_by_name("next_page_token").map(Cow::into_owned));
        let more = token.as_ref().and_then(Value::as_str).is_some_and(|token| !token.is_empty());
        if !more || all.len() >= wanted {
            answer.set_field(&paged.things, Value::List(all));
            return Ok((answer, more));
        }
        if let (Some(page), Some(token)) = (request.get_field_mut(&paged.asks).as_message_mut(), token) {
            page.set_field_by_name("page_token", token);
        }
    }
}
