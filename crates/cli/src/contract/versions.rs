//! Resources that a request names with the version of each: `--licenses lic_A --licenses lic_B`, whose etags the command reads.

use std::borrow::Cow;

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};
use tonic::Status;

use super::Asked;
use crate::call;

/// The field that names the resource in a message that is nothing but an id and an etag.
pub(super) fn named(message: &MessageDescriptor) -> Option<FieldDescriptor> {
    let mut fields = message.fields();
    let (id, etag, more) = (fields.next()?, fields.next()?, fields.next());
    (id.name().ends_with("_id") && etag.name() == "etag" && more.is_none()).then_some(id)
}

/// Reads the etags that were left out.
pub(super) async fn complete(asked: &Asked, request: &mut DynamicMessage) -> Result<(), Status> {
    for field in request.descriptor().fields().filter(FieldDescriptor::is_list) {
        let Kind::Message(version) = field.kind() else { continue };
        let Some(id) = named(&version) else { continue };
        let Some(get) = reading(&asked.method, &id) else { continue };
        let Value::List(mut versions) = request.get_field(&field).into_owned() else { continue };
        for version in versions.iter_mut().filter_map(Value::as_message_mut) {
            if version.has_field_by_name("etag") {
                continue;
            }
            let mut question = DynamicMessage::new(get.input());
            question.set_field_by_name(id.name(), version.get_field(&id).into_owned());
            let answer = call::call(&asked.folder, asked.role, &get, question).await?;
            if let Some(etag) = etag(&answer) {
                version.set_field_by_name("etag", etag);
            }
        }
        request.set_field(&field, Value::List(versions));
    }
    Ok(())
}

/// The RPC beside a mutation that reads one resource by this id alone.
fn reading(method: &MethodDescriptor, id: &FieldDescriptor) -> Option<MethodDescriptor> {
    let reads = |get: &MethodDescriptor| {
        let is_only = get.input().fields().all(|field| field.name() == id.name());
        let has_etag = get.output().fields().any(|field| match field.kind() {
            Kind::Message(resource) => resource.get_field_by_name("etag").is_some(),
            _ => false,
        });
        get.name().starts_with("Get") && is_only && has_etag
    };
    method.parent_service().methods().find(reads)
}

/// The etag of the resource in an answer.
fn etag(answer: &DynamicMessage) -> Option<Value> {
    let resource = answer.fields().find_map(|(_, value)| value.as_message())?;
    resource.get_field_by_name("etag").map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_with_its_version_is_an_id_and_an_etag_and_is_read_by_the_id() {
        let method = call::find("license.v1.LicenseService/CoTermLicenses").unwrap();
        let Kind::Message(version) = method.input().get_field_by_name("licenses").unwrap().kind() else { panic!() };
        let id = named(&version).unwrap();
        assert_eq!(id.name(), "license_id");
        assert_eq!(reading(&method, &id).unwrap().name(), "GetLicense");
        let liaison = vouch_contract::pool().get_message_by_name("vouch.license.v1.Liaison").unwrap();
        assert!(named(&liaison).is_none());
    }
}
