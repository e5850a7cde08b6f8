//! When two requests are the same.
//!
//! A mutation may be repeated with the same `request_id`. It is the same request when its content is the same: every field
//! but `request_id` itself and those that the contract marks as `outside_content`.

use prost::encoding::{DecodeContext, decode_key, skip_field};
use prost::{Message, Name};
use vouch_core::Error;

/// A request that changes something: it carries the caller's id for the intent.
pub trait Mutation {
    /// The caller's id for the intent, as it was sent.
    fn request_id(&self) -> &str;
}

include!(concat!(env!("OUT_DIR"), "/mutations.rs"));

/// The SHA-256 digest of a request's content, with the message's name mixed in.
///
/// The digest is over the encoded fields: prost writes them in the order of their numbers, and maps in the order of their keys
/// (the build makes them ordered). Only fields of the request itself can be outside its content; a test of the house holds the
/// contract to that.
pub fn digest<M: Message + Name>(request: &M) -> Result<[u8; 32], Error> {
    digest_encoded(&M::full_name(), &request.encode_to_vec())
}

fn digest_encoded(full_name: &str, encoded: &[u8]) -> Result<[u8; 32], Error> {
    let outside = outside_content(full_name)?;
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(full_name.as_bytes());
    context.update(&[0]);
    let mut rest = encoded;
    while !rest.is_empty() {
        let field = rest;
        let (number, wire_type) = decode_key(&mut rest).map_err(Error::internal)?;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).map_err(Error::internal)?;
        if !outside.contains(&number) {
            context.update(&field[..field.len() - rest.len()]);
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(digest)
}

/// The numbers of the fields that do not count.
fn outside_content(full_name: &str) -> Result<Vec<u32>, Error> {
    let descriptor = crate::pool()
        .get_message_by_name(full_name)
        .ok_or_else(|| Error::internal(format!("{full_name} is not in the contract")))?;
    let option = crate::pool()
        .get_extension_by_name("vouch.common.v1.outside_content")
        .ok_or_else(|| Error::internal("the contract lacks outside_content"))?;
    let outside = descriptor
        .fields()
        .filter(|field| field.name() == "request_id" || field.options().get_extension(&option).as_bool() == Some(true));
    Ok(outside.map(|field| field.number()).collect())
}

#[cfg(test)]
mod tests {
    //! Proves V04.

    use super::*;
    use crate::pb::license::v1::{CreateTierRequest, GetProductRequest, Tier};

    fn request(request_id: &str, name: &str) -> CreateTierRequest {
        CreateTierRequest {
            request_id: request_id.into(),
            tier: Some(Tier { tier_id: "premium".into(), name: name.into(), ..Tier::default() }),
        }
    }

    #[test]
    fn v04_a_repeat_is_the_same_request_whatever_its_request_id() {
        assert_eq!(digest(&request("a", "Premium")).unwrap(), digest(&request("b", "Premium")).unwrap());
    }

    #[test]
    fn v04_a_renewed_proof_is_the_same_request_and_maps_count_in_any_order() {
        use crate::pb::vendor::v1::{EscalateCaseRequest, Escalation};
        let with = |proof: &str, names: &[&str]| {
            let further = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
            let escalation = Some(Escalation { further, ..Escalation::default() });
            EscalateCaseRequest { escalation, proof: proof.into(), ..EscalateCaseRequest::default() }
        };
        let (there, back) = (["a", "b", "c", "d", "e", "f"], ["f", "e", "d", "c", "b", "a"]);
        assert_eq!(digest(&with("one", &there)).unwrap(), digest(&with("two", &back)).unwrap());
        assert_ne!(digest(&with("one", &there)).unwrap(), digest(&with("one", &there[1..])).unwrap());
    }

    #[test]
    fn v04_other_content_is_another_request() {
        assert_ne!(digest(&request("a", "Premium")).unwrap(), digest(&request("a", "Gold")).unwrap());
        assert_ne!(
            digest(&GetProductRequest { product_id: String::new() }).unwrap(),
            digest(&CreateTierRequest::default()).unwrap()
        );
    }
}
