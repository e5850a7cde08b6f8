//! A mail server that keeps what it is given, as far as a test needs one (RFC 5321).

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Addresses that begin so are refused for good.
pub(crate) const NOBODY: &str = "nobody";
/// Addresses that begin so are refused once, and taken then.
pub(crate) const BUSY: &str = "busy";

/// A server and what it took.
pub(crate) struct MailServer {
    pub(crate) url: String,
    letters: watch::Receiver<Vec<String>>,
}

impl MailServer {
    /// Starts one.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (keep, letters) = watch::channel(Vec::new());
        let keep = Arc::new(keep);
        tokio::spawn(async move {
            let mut was_busy = false;
            while let Ok((stream, _)) = listener.accept().await {
                converse(stream, &keep, &mut was_busy).await;
            }
        });
        Self { url, letters }
    }

    /// Waits until it took so many letters; all that it has then.
    pub(crate) async fn letters(&self, number: usize) -> Vec<String> {
        let mut letters = self.letters.clone();
        let enough = letters.wait_for(|letters| letters.len() >= number);
        tokio::time::timeout(std::time::Duration::from_secs(30), enough).await.unwrap().unwrap().clone()
    }

    /// What it has now.
    pub(crate) fn taken(&self) -> usize {
        self.letters.borrow().len()
    }
}

async fn converse(mut stream: TcpStream, keep: &watch::Sender<Vec<String>>, was_busy: &mut bool) {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    let mut answer = async |text: &str| write.write_all(format!("{text}\r\n").as_bytes()).await.is_ok();
    let (mut letter, mut in_data) = (String::new(), false);
    answer("220 mail.test ready").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let reply = match line.split([' ', ':']).next().unwrap_or_default() {
            "." if in_data => {
                in_data = false;
                keep.send_modify(|letters| letters.push(std::mem::take(&mut letter)));
                "250 taken"
            }
            _ if in_data => {
                letter.push_str(&line);
                letter.push('\n');
                continue;
            }
            "RCPT" if line.contains(&format!("<{NOBODY}")) => "550 5.1.1 nobody of that name",
            "RCPT" if line.contains(&format!("<{BUSY}")) && !std::mem::replace(was_busy, true) => "451 come again",
            "DATA" => {
                in_data = true;
                "354 go on"
            }
            "QUIT" => "221 good-bye",
            _ => "250 fine",
        };
        answer(reply).await;
    }
}
