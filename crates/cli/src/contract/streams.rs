//! Answers that keep coming: a line for each thing, as it comes; content as it is.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use tonic::Status;

use super::cells::{self, Room};
use super::found::Lines;
use super::{Asked, columns, content, found};
use crate::{call, output};

/// Follows a stream until it ends, nobody reads on, or as many messages came as were asked for.
pub(super) async fn follow(asked: &Asked, request: DynamicMessage, sink: Option<content::Sink>) -> Result<(), Status> {
    let mut stream = call::follow(&asked.folder, asked.role, &asked.method, request).await?;
    if let (Some(chunk), Some(sink)) = (content::field(&asked.method), sink) {
        return content::write(stream, &chunk, sink).await;
    }
    let mut found = found::is_found(&asked.method).then(Lines::here);
    let limit = asked.limit.filter(|limit| *limit > 0);
    let mut came = 0;
    while let Some(message) = stream.message().await? {
        let lines = match &mut found {
            _ if asked.json => vec![json(&message)?],
            Some(found) => found.line(&message).into_iter().collect(),
            None => lines(&message, asked.view.wide),
        };
        if !lines.iter().all(|line| output::is_read(line)) {
            return Ok(());
        }
        if let Some((told, lacks)) = found.as_ref().filter(|_| !asked.json).and_then(|_| found::summary(&message)) {
            output::remark(&told);
            if let Some(lacks) = lacks {
                output::complaint(&lacks);
            }
        }
        came += 1;
        if limit.is_some_and(|limit| came >= limit) {
            return Ok(());
        }
    }
    Ok(())
}

/// A message on one line.
fn json(message: &DynamicMessage) -> Result<String, Status> {
    serde_json::to_string(message).map_err(|error| Status::internal(error.to_string()))
}

/// A message's lines: one for each thing in it, and behind each what is said of all. A sign of life, without things, has none.
fn lines(message: &DynamicMessage, wide: bool) -> Vec<String> {
    let is_many = |field: &FieldDescriptor| field.is_list() && matches!(field.kind(), Kind::Message(_));
    let fields: Vec<_> = message.descriptor().fields().collect();
    let (many, rest): (Vec<_>, Vec<_>) = fields.into_iter().partition(is_many);
    if many.is_empty() {
        return vec![line(&columns::pairs(message, wide))];
    }
    let of_all: Vec<_> = rest
        .iter()
        .filter(|field| !matches!(field.kind(), Kind::Message(_) | Kind::Bytes) && message.has_field(field))
        .map(|field| (field.name().to_owned(), cells::text(field, &message.get_field(field), Room::Cell)))
        .filter(|(_, text)| wide || !columns::is_for_machines(text))
        .collect();
    let things = many.iter().flat_map(|field| match message.get_field(field).into_owned() {
        Value::List(things) => things,
        _ => Vec::new(),
    });
    let things = things.filter_map(|thing| thing.as_message().map(|thing| columns::pairs(thing, wide)));
    things.map(|pairs| line(&[pairs, of_all.clone()].concat())).collect()
}

fn line(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{} {value}", output::quiet(name))).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::super::values;
    use super::*;

    #[test]
    fn each_thing_of_a_message_is_a_line_and_a_sign_of_life_is_none() {
        let descriptor =
            vouch_contract::pool().get_message_by_name("vouch.license.v1.WatchEntitlementsResponse").unwrap();
        let told = |json: serde_json::Value| {
            let lines = lines(&values::message(&descriptor, &json).unwrap(), false);
            lines.iter().map(|line| strip_str(line).to_string()).collect::<Vec<_>>()
        };
        let license = json!({ "licenseId": "lic_1", "licenseRevision": "2", "state": "LICENSE_STATE_REVOKED" });
        assert_eq!(
            told(json!({
                "changes": [
                    { "license": license },
                    { "endUserId": "contoso" },
                    { "gone": { "licenseId": "lic_2", "licenseRevision": "3" } },
                ],
                "revision": "7",
            })),
            [
                "license_id lic_1  license_revision 2  license_state revoked  revision 7",
                "end_user_id contoso  revision 7",
                "gone_license_id lic_2  gone_license_revision 3  revision 7",
            ]
        );
        assert!(told(json!({ "revision": "7" })).is_empty());
    }
}
