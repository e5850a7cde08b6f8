//! `vouch call`: any RPC, JSON in and out, by the contract's own descriptors.

use std::process::ExitCode;

use bytes::Buf;
use clap::Args;
use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder, Streaming};
use tonic::{Request, Status};

use crate::folder::Folder;
use crate::identities::Role;
use crate::output::{self, Problem};
use crate::reach::Reach;
use crate::refusal::{self, Called};
use crate::{DataFolder, near};

#[derive(Args)]
pub(crate) struct CallArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Who calls.
    #[arg(long = "as", value_enum, default_value = "administrator")]
    role: Role,
    /// The RPC: license.v1.EntitlementService/CheckEntitlement.
    rpc: String,
    /// The request as JSON, in the names of proto3's JSON form; `-` reads standard input.
    #[arg(default_value = "{}")]
    request: String,
}

pub(crate) async fn run(arguments: &CallArguments) -> Result<ExitCode, Problem> {
    let folder = Folder::open(&arguments.folder.data)?;
    let method = find(&arguments.rpc)?;
    let text = match arguments.request.as_str() {
        "-" => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Problem::new(format!("standard input cannot be read: {error}")))?,
        given => given.to_owned(),
    };
    let request = read(&method, &text)?;
    let answer = call(&folder, arguments.role, &method, request).await;
    let called = Called::plainly(arguments.role, &arguments.rpc);
    output::line(&show(&answer.map_err(|status| refusal::problem(&status, &called))?));
    Ok(ExitCode::SUCCESS)
}

/// Calls an RPC and returns its answer.
pub(crate) async fn call(
    folder: &Folder,
    role: Role,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<DynamicMessage, Status> {
    let (mut client, request, path) = prepare(folder, role, method, request).await?;
    client.unary(request, path, Dynamic(method.output())).await.map(tonic::Response::into_inner)
}

/// Calls an RPC that answers with a stream.
pub(crate) async fn follow(
    folder: &Folder,
    role: Role,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<Streaming<DynamicMessage>, Status> {
    let (mut client, request, path) = prepare(folder, role, method, request).await?;
    client.server_streaming(request, path, Dynamic(method.output())).await.map(tonic::Response::into_inner)
}

/// A client for the service of an RPC, the request with the caller's token, and the RPC's path.
async fn prepare(
    folder: &Folder,
    role: Role,
    method: &MethodDescriptor,
    request: DynamicMessage,
) -> Result<(Grpc<Reach>, Request<DynamicMessage>, PathAndQuery), Status> {
    let package = method.parent_service().package_name().to_owned();
    let service = package.split('.').nth(1).unwrap_or_default().to_owned();
    let local = |problem: Problem| Status::unavailable(problem.what);
    let channel = role.channel(folder, &service).map_err(local)?;
    let mut request = Request::new(request);
    if let Some(token) = role.token(folder, &format!("{service}.vouch")).map_err(local)? {
        let value = format!("Bearer {token}").parse().map_err(|_| Status::internal("a token is no header"))?;
        request.metadata_mut().insert("authorization", value);
    }
    let mut client = Grpc::new(channel);
    client.ready().await?;
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name())
        .parse()
        .map_err(|_| Status::internal("an RPC's name is no path"))?;
    Ok((client, request, path))
}

/// Finds an RPC by its name, with or without `vouch.` before it.
pub(crate) fn find(rpc: &str) -> Result<MethodDescriptor, Problem> {
    let method = named(rpc).ok_or_else(|| {
        let problem = Problem::new(format!("the contract has no RPC {rpc}"));
        let near = near::names(full(rpc));
        if near.is_empty() {
            problem.next("Name it as in license.v1.EntitlementService/CheckEntitlement; proto/ACCESS.md has them all.")
        } else {
            problem.next(format!("Did you mean {}?", near.join(" or ")))
        }
    })?;
    if method.is_client_streaming() || method.is_server_streaming() {
        return Err(Problem::new(format!("{rpc} is a stream"))
            .next("This command calls unary RPCs; `vouch --help` lists the groups whose commands follow streams."));
    }
    Ok(method)
}

/// The RPC of this name, a stream too.
pub(crate) fn named(rpc: &str) -> Option<MethodDescriptor> {
    let (service, method) = full(rpc).split_once('/')?;
    let service = vouch_contract::pool().get_service_by_name(&format!("vouch.{service}"))?;
    service.methods().find(|candidate| candidate.name() == method)
}

fn full(rpc: &str) -> &str {
    rpc.trim_start_matches('/').trim_start_matches("vouch.")
}

/// Reads a request in proto3's JSON form.
pub(crate) fn read(method: &MethodDescriptor, text: &str) -> Result<DynamicMessage, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    DynamicMessage::deserialize(method.input(), &mut deserializer)
        .map_err(|error| Problem::new(format!("the request is no {}: {error}", method.input().name())))
}

/// An answer in proto3's JSON form, nothing left out.
pub(crate) fn show(answer: &DynamicMessage) -> String {
    let mut buffer = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut buffer);
    let options = SerializeOptions::new().skip_default_fields(false);
    match answer.serialize_with_options(&mut serializer, &options) {
        Ok(()) => String::from_utf8(buffer).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

/// A codec for messages whose type is known by descriptor only.
struct Dynamic(MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(self.0.clone())
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.clone())
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        DynamicMessage::decode(self.0.clone(), bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
