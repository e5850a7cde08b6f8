//! When two requests are the same.
//!
//! A mutation may be repeated with the same `request_id`. It is the same request when its content is the same: every field
//! but `request_id` itself and those that the contract marks as `outside_content`.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, ReflectMessage};
use vouch_core::Error;

/// A request that changes something: it carries the caller's id for the intent.
pub trait Mutation {
    /// The caller's id for the intent, as it was sent.
    fn request_id(&self) -> &str;
}

include!(concat!(env!("OUT_DIR"), "/mutations.rs"));

/// The SHA-256 digest of a request's content, with the message's name mixed in.
pub fn digest<M: Message + Name>(request: &M) -> Result<[u8; 32], Error> {
    let full_name = M::full_name();
    let descriptor = crate::pool()
        .get_message_by_name(&full_name)
        .ok_or_else(|| Error::internal(format!("{full_name} is not in the contract")))?;
    let mut message =
        DynamicMessage::decode(descriptor, request.encode_to_vec().as_slice()).map_err(Error::internal)?;
    clear_outside_content(&mut message)?;

    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(full_name.as_bytes());
    context.update(&[0]);
    context.update(&message.encode_to_vec());
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(digest)
}

fn clear_outside_content(message: &mut DynamicMessage) -> Result<(), Error> {
    let option = crate::pool()
        .get_extension_by_name("vouch.common.v1.outside_content")
        .ok_or_else(|| Error::internal("the contract lacks outside_content"))?;
    let outside: Vec<_> = message
        .descriptor()
        .fields()
        .filter(|field| field.name() == "request_id" || field.options().get_extension(&option).as_bool() == Some(true))
        .collect();
    for field in &outside {
        message.clear_field(field);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::license::v1::{CreateTierRequest, GetProductRequest, Tier};

    fn request(request_id: &str, name: &str) -> CreateTierRequest {
        CreateTierRequest {
            request_id: request_id.into(),
            tier: Some(Tier {
                tier_id: "premium".into(),
                name: name.into(),
                ..Tier::default()
            }),
        }
    }

    #[test]
    fn v04_a_repeat_is_the_same_request_whatever_its_request_id() {
        assert_eq!(
            digest(&request("a", "Premium")).unwrap(),
            digest(&request("b", "Premium")).unwrap()
        );
    }

    #[test]
    fn v04_other_content_is_another_request() {
        assert_ne!(
            digest(&request("a", "Premium")).unwrap(),
            digest(&request("a", "Gold")).unwrap()
        );
        assert_ne!(
            digest(&GetProductRequest {
                product_id: String::new()
            })
            .unwrap(),
            digest(&CreateTierRequest::default()).unwrap()
        );
    }
}
