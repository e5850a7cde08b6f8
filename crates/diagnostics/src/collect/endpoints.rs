//! Facts of an endpoint: whether it is reached, what its certificates say, what it answers.
//!
//! This is the only collector that uses a network, and only for the endpoints that a profile lists. It sends no credentials.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::tls;
use crate::profile::{Endpoint, Scheme};

/// More of an answer's head is not read.
const MAX_HEAD: u64 = 64 * 1024;

/// A stream, encrypted or not.
trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// The facts of an endpoint, a line each: `name: value`. What fails is a fact too; only a name without an address is no answer.
pub(super) fn ask(endpoint: &Endpoint, deadline: Duration, now: Timestamp) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    let endpoint = endpoint.clone();
    // On a thread of its own: looking a name up cannot be stopped.
    std::thread::spawn(move || {
        // Nobody listens any more where the deadline is over.
        let _ = sender.send(facts(&endpoint, deadline, now));
    });
    receiver.recv_timeout(deadline).map_err(|_| format!("stopped after {} seconds", deadline.as_secs()))?
}

fn facts(endpoint: &Endpoint, deadline: Duration, now: Timestamp) -> Result<String, String> {
    let Endpoint { host, port, .. } = endpoint;
    let mut text = format!("endpoint: {endpoint}\n");
    let addresses = (host.as_str(), *port).to_socket_addrs().map_err(|_| "its name has no address".to_owned())?;
    let began = Instant::now();
    let mut connected = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, deadline / 2) {
            Ok(stream) => {
                let _ = writeln!(text, "connected: {address} after {} ms", began.elapsed().as_millis());
                connected = Some(stream);
                break;
            }
            Err(error) => {
                let _ = writeln!(text, "not connected: {address}: {}", error.kind());
            }
        }
    }
    let Some(stream) = connected else { return Ok(text) };
    let limited = stream.set_read_timeout(Some(deadline)).and_then(|()| stream.set_write_timeout(Some(deadline)));
    limited.map_err(|error| format!("cannot be asked: {}", error.kind()))?;
    let mut stream: Box<dyn Stream> = match endpoint.scheme {
        Scheme::Http => Box::new(stream),
        Scheme::Https | Scheme::Tls => match tls::shake_hands(stream, host, now, &mut text) {
            Ok(stream) => Box::new(stream),
            Err(reason) => {
                let _ = writeln!(text, "tls: {reason}");
                return Ok(text);
            }
        },
    };
    if endpoint.scheme != Scheme::Tls {
        match head(&mut *stream, endpoint) {
            Ok(head) => text.push_str(&answered(&head)),
            Err(error) => {
                let _ = writeln!(text, "http: no answer: {}", error.kind());
            }
        }
    }
    Ok(text)
}

/// Asks, and reads the head of the answer.
fn head(stream: &mut dyn Stream, endpoint: &Endpoint) -> io::Result<Vec<u8>> {
    let (authority, path) = (endpoint.authority(), &endpoint.path);
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: vouch\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut stream = stream.take(MAX_HEAD);
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
            // A server that hangs up without a word of farewell has answered all the same.
            Err(_) if !head.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// The status and the headers of an answer.
fn answered(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    let Some((version, code)) = status.split_once(' ').filter(|(version, _)| version.starts_with("HTTP/")) else {
        return "http: what it answers is no HTTP\n".to_owned();
    };
    let mut text = format!("http version: {version}\nhttp status: {code}\n");
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        // By the header's own name, so that the rules of redaction know it.
        let _ = writeln!(text, "{}: {}", name.trim(), value.trim());
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// A server for one question, and its port.
    fn server(answer: &'static [u8]) -> (u16, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1000];
            let count = stream.read(&mut asked).unwrap();
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&asked[..count]).into_owned()
        };
        (port, std::thread::spawn(serve))
    }

    fn asked(address: &str) -> Result<String, String> {
        ask(&Endpoint::parse(address).unwrap(), Duration::from_secs(5), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_endpoint_is_asked_for_its_status_and_headers_and_for_nothing_more() {
        let (port, server) =
            server(b"HTTP/1.1 503 Service Unavailable\r\nServer: x\r\nRetry-After: 5\r\n\r\nbody: secret");
        let text = asked(&format!("http://127.0.0.1:{port}/health?x=1")).unwrap();
        assert!(text.contains("\nhttp status: 503 Service Unavailable\nServer: x\nRetry-After: 5\n"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        let request = server.join().unwrap();
        assert!(request.starts_with(&format!("GET /health?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n")), "{request}");
    }

    #[test]
    fn what_fails_is_a_fact_too() {
        let (port, ssh) = server(b"SSH-2.0-OpenSSH\r\n");
        assert!(asked(&format!("http://127.0.0.1:{port}")).unwrap().contains("no HTTP"));
        ssh.join().unwrap();
        let (port, plain) = server(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let text = asked(&format!("tls://127.0.0.1:{port}")).unwrap();
        assert!(text.contains("connected: ") && text.contains("tls: "), "{text}");
        plain.join().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(asked(&format!("http://127.0.0.1:{free}")).unwrap().contains("not connected: "));
        assert_eq!(asked("http://no-such-name.invalid").unwrap_err(), "its name has no address");
    }
}
