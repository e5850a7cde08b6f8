//! Compiles `proto/` without `protoc`: messages, clients and servers, the descriptors with their custom options, and the
//! comments for those who show them to people.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(false).open_files(&files)?;

    // Encoded by the compiler itself: prost-types would drop the options, and with them the access rules.
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("vouch.binpb"), compiler.encode_file_descriptor_set())?;

    let mut with_comments = protox::Compiler::new([&root])?;
    with_comments.include_imports(true).include_source_info(true).open_files(&files)?;
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    // `bytes` fields share the received buffer instead of copying it.
    config.bytes(["."]);
    // An answer that is asked for a million times is not to carry the room of what hardly anybody asks for.
    config.boxed(".vouch.license.v1.CheckEntitlementResponse.explanation");
    // The content of a request is digested as it is encoded: maps must have one order.
    config.btree_map(["."]);
    let descriptors = with_comments.file_descriptor_set();
    std::fs::write(out.join("mutations.rs"), mutations(&descriptors))?;
    std::fs::write(out.join("comments.rs"), comments(&descriptors))?;
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// Every request that carries a `request_id` is a mutation.
fn mutations(descriptors: &prost_types::FileDescriptorSet) -> String {
    let mut code = String::new();
    for file in descriptors.file.iter().filter(|file| file.package().starts_with("vouch.")) {
        let module = file.package().trim_start_matches("vouch.").replace('.', "::");
        let requests = file.message_type.iter().filter(|message| message.name().ends_with("Request"));
        for request in requests.filter(|request| request.field.iter().any(|field| field.name() == "request_id")) {
            let name = request.name();
            let body = "{ fn request_id(&self) -> &str { &self.request_id } }";
            code.extend(["impl Mutation for crate::pb::", &module, "::", name, " ", body, "\n"]);
        }
    }
    code
}

/// The comment of every thing that has one, sorted by full name. The descriptors that reflection serves have none: with them they
/// would be four times as large, and they are read at every start.
fn comments(descriptors: &prost_types::FileDescriptorSet) -> String {
    let mut comments = Vec::new();
    for file in descriptors.file.iter().filter(|file| file.package().starts_with("vouch.")) {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        comments.extend(locations.filter_map(|location| {
            let lines = location.leading_comments().lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
            let comment = lines.collect::<Vec<_>>().join("\n");
            let name = named(file, &location.path).filter(|_| !comment.is_empty())?;
            Some((format!("{}.{name}", file.package()), comment))
        }));
    }
    comments.sort();
    format!("&{comments:#?}")
}

/// The name, within its package, of what a path of `descriptor.proto` points at: `[4, 0, 2, 1]` is the second field of the first
/// message. Messages and enums that are nested in others are not looked into: the contract has none.
fn named(file: &prost_types::FileDescriptorProto, path: &[i32]) -> Option<String> {
    let at = |index: i32| usize::try_from(index).ok();
    let within = |outer: &str, inner: &str| format!("{outer}.{inner}");
    match *path {
        [4, message] => Some(file.message_type.get(at(message)?)?.name().to_owned()),
        [4, message, 2, field] => {
            let message = file.message_type.get(at(message)?)?;
            Some(within(message.name(), message.field.get(at(field)?)?.name()))
        }
        [4, message, 8, oneof] => {
            let message = file.message_type.get(at(message)?)?;
            Some(within(message.name(), message.oneof_decl.get(at(oneof)?)?.name()))
        }
        [5, one] => Some(file.enum_type.get(at(one)?)?.name().to_owned()),
        // The values of an enum are its siblings, by protobuf's rules.
        [5, one, 2, value] => Some(file.enum_type.get(at(one)?)?.value.get(at(value)?)?.name().to_owned()),
        [6, service] => Some(file.service.get(at(service)?)?.name().to_owned()),
        [6, service, 2, method] => {
            let service = file.service.get(at(service)?)?;
            Some(within(service.name(), service.method.get(at(method)?)?.name()))
        }
        _ => None,
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
