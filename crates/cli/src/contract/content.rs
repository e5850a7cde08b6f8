//! A stream that is the content of something: its bytes as they are, to standard output or into a file.
//!
//! By its shape: an RPC whose stream of messages has a field of bytes called `chunk`. The other fields tell about it, and are for `--json`.
//! And the answer that has a text called `file`, which is to be taken somewhere as it is.

use std::io::{ErrorKind, IsTerminal, Stdout, Write, stdout};
use std::path::{Path, PathBuf};

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor};
use tempfile::NamedTempFile;
use tonic::codec::Streaming;
use tonic::{Code, Status};

use crate::output::Problem;

/// The field of an RPC's messages that has the content; `None` where its stream is not one of content.
pub(super) fn field(method: &MethodDescriptor) -> Option<FieldDescriptor> {
    let chunk = method.output().get_field_by_name("chunk")?;
    (method.is_server_streaming() && chunk.kind() == Kind::Bytes && !chunk.is_list()).then_some(chunk)
}

/// The field of an RPC's one answer that is a file; `None` where it has none.
pub(super) fn file(method: &MethodDescriptor) -> Option<FieldDescriptor> {
    let file = method.output().get_field_by_name("file")?;
    (!method.is_server_streaming() && file.kind() == Kind::String && !file.is_list()).then_some(file)
}

/// Writes the file of an answer to its place, and leaves the rest of the answer.
pub(super) fn put(answer: &mut DynamicMessage, file: &FieldDescriptor, mut sink: Sink) -> Result<(), Status> {
    sink.take(answer.get_field(file).as_str().unwrap_or_default().as_bytes())?;
    answer.clear_field(file);
    sink.end()
}

/// Where content goes.
pub(super) enum Sink {
    /// To a person: what a terminal would take for an order is left out. With the last byte that it got.
    Terminal(Stdout, u8),
    /// To another program.
    Pipe(Stdout),
    /// Into a file, which has its name once it is whole. Until then nobody else may read it.
    File(Box<NamedTempFile>, PathBuf),
}

impl Sink {
    /// Standard output, or the file that was named.
    pub(super) fn open(file: Option<&Path>) -> Result<Self, Problem> {
        let Some(path) = file else {
            let out = stdout();
            return Ok(if out.is_terminal() { Self::Terminal(out, 0) } else { Self::Pipe(out) });
        };
        if path.is_dir() {
            return Err(Problem::new(format!("{} is a folder", path.display())).next("Name a file in it."));
        }
        if path.exists() {
            return Err(Problem::there(path));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let cannot = |error| Problem::new(format!("{} cannot be written: {error}", path.display()));
        let file = NamedTempFile::new_in(folder).map_err(cannot)?;
        Ok(Self::File(Box::new(file), path.to_owned()))
    }

    /// Takes the next bytes; whether there is somebody to read on.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, Status> {
        let written = match self {
            Self::Terminal(out, last) => out.write_all(&printable(bytes, last)),
            Self::Pipe(out) => out.write_all(bytes),
            Self::File(file, _) => file.write_all(bytes),
        };
        heard(written)
    }

    /// Everything came.
    fn end(self) -> Result<(), Status> {
        match self {
            Self::Terminal(mut out, _) | Self::Pipe(mut out) => heard(out.flush()).map(|_| ()),
            Self::File(file, path) => {
                let cannot =
                    |error| Status::new(Code::Aborted, format!("{} cannot be written: {error}", path.display()));
                file.as_file().sync_all().map_err(cannot)?;
                file.persist_noclobber(&path).map(|_| ()).map_err(|error| cannot(error.error))
            }
        }
    }
}

/// Writes a stream of content until it ends. What was cut off or is not what it should be leaves no file.
pub(super) async fn write(
    mut stream: Streaming<DynamicMessage>,
    chunk: &FieldDescriptor,
    mut sink: Sink,
) -> Result<(), Status> {
    while let Some(message) = stream.message().await? {
        let content = message.get_field(chunk);
        if !sink.take(content.as_bytes().map(AsRef::as_ref).unwrap_or_default())? {
            return Ok(());
        }
    }
    sink.end()
}

/// Whether what was written was read. A reader that has gone is no failure.
fn heard(written: std::io::Result<()>) -> Result<bool, Status> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Status::new(Code::Aborted, format!("what came cannot be written: {error}"))),
    }
}

/// Bytes without what a terminal would take for an order. `last` is the byte before them, and the last of them then: an order of eight bits is
/// two bytes of UTF-8, which may come in two pieces.
fn printable(bytes: &[u8], last: &mut u8) -> Vec<u8> {
    let shown = |byte: &u8| {
        let before = std::mem::replace(last, *byte);
        let is_order = (*byte < b' ' && !matches!(*byte, b'\n' | b'\t')) || *byte == 0x7f;
        if is_order || (before == 0xc2 && (0x80..0xa0).contains(byte)) { b' ' } else { *byte }
    };
    bytes.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(service: &str, name: &str) -> MethodDescriptor {
        let service = vouch_contract::pool().get_service_by_name(&format!("vouch.{service}")).unwrap();
        service.methods().find(|method| method.name() == name).unwrap()
    }

    #[test]
    fn a_stream_of_chunks_is_content_and_other_streams_are_not() {
        assert!(field(&method("vendor.v1.BundleDeskService", "ReadBundleEntry")).is_some());
        assert!(field(&method("vendor.v1.BundleDeskService", "SearchBundle")).is_none());
        assert!(field(&method("license.v1.EntitlementService", "WatchEntitlements")).is_none());
        assert!(file(&method("partner.v1.DiagnosticsService", "IssueCollectionTicket")).is_some());
        assert!(file(&method("partner.v1.DiagnosticsService", "QueryBundle")).is_none());
    }

    #[test]
    fn a_file_has_its_name_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("os.txt");
        let open = || Sink::open(Some(&path)).unwrap_or_else(|problem| panic!("{}", problem.what));
        let mut cut = open();
        assert!(cut.take(b"half").unwrap());
        drop(cut);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut whole = open();
        whole.take(b"whole\n").unwrap();
        whole.end().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole\n");
        let there = Sink::open(Some(&path)).err().unwrap();
        assert!(there.what.ends_with("os.txt is there already"), "{}", there.what);
        assert!(
            Sink::open(Some(&path.join("within"))).is_err_and(|problem| problem.what.contains("cannot be written"))
        );
    }

    #[test]
    fn a_terminal_gets_no_orders() {
        let shown = |pieces: &[&[u8]]| {
            let mut last = 0;
            pieces.iter().flat_map(|piece| printable(piece, &mut last)).collect::<Vec<u8>>()
        };
        assert_eq!(shown(&["a\u{1b}[31m\tж\r\n".as_bytes()]), "a [31m\tж \n".as_bytes());
        let coded = "\u{9b}31mé日".as_bytes();
        for place in 0..coded.len() {
            let (one, other) = coded.split_at(place);
            assert_eq!(shown(&[one, other]), [b"\xc2 31m", "é日".as_bytes()].concat(), "{place}");
        }
    }
}
