//! Compiles `proto/` without `protoc`: messages, clients and servers, and the descriptors with their custom options.

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
    // The content of a request is digested as it is encoded: maps must have one order.
    config.btree_map(["."]);
    let descriptors = with_comments.file_descriptor_set();
    std::fs::write(out.join("mutations.rs"), mutations(&descriptors))?;
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
