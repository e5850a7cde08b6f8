//! Mail: what an operator may say of it, and sending a letter.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Address, AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use url::Url;
use vouch_host::config::Loaded;

use crate::domain::notice::{Letter, Notice};

/// How long a mail server may take for a letter: less than the lease of its entry, so that nobody else sends it meanwhile.
const PATIENCE: Duration = Duration::from_secs(45);

/// `[mail]`: how letters leave. Without it they wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// Who writes: `Acme Support <support@acme.example>`.
    pub from: String,
    /// The mail server: `smtps://mail.acme.example`, or `smtp://mail.acme.example:587?tls=required` for STARTTLS. Without TLS
    /// to `smtp://127.0.0.1` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<String>,
    /// The user as whom to sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file with that user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// In place of a server: a folder that takes each letter as a file, for trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
}

impl MailConfig {
    /// Takes the section; `None` where nothing is said of mail.
    pub(crate) fn take(loaded: &mut Loaded) -> Option<Self> {
        let mut config: Self = loaded.section("mail");
        if config == Self::default() {
            return None;
        }
        config.password_file = config.password_file.map(|path| loaded.path(&path));
        config.folder = config.folder.map(|path| loaded.path(&path));
        loaded.problems.take("mail", Mailer::new(&config));
        Some(config)
    }
}

/// Sends letters.
#[derive(Debug)]
pub(crate) struct Mailer {
    from: Mailbox,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Server(AsyncSmtpTransport<Tokio1Executor>),
    Folder(AsyncFileTransport<Tokio1Executor>),
}

/// Why a letter did not leave.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It may leave later.
    ForNow(String),
    /// The server refuses this address for good.
    ForGood(String),
}

impl Mailer {
    /// A mailer by its settings; otherwise what is wrong with them.
    pub(crate) fn new(config: &MailConfig) -> Result<Self, String> {
        let from = config.from.parse().map_err(|_| "from must be an address such as Acme <support@acme.example>")?;
        let way = match (&config.smtp, &config.folder) {
            (Some(url), None) => Way::Server(server(url, config)?),
            (None, Some(folder)) => Way::Folder(AsyncFileTransport::new(folder)),
            (None, None) | (Some(_), Some(_)) => return Err("say either smtp or folder".into()),
        };
        Ok(Self { from, way })
    }

    /// Sends a letter. The same notice always has the same message id.
    pub(crate) async fn send(&self, notice: &Notice, letter: Letter, now: Timestamp) -> Result<(), Refusal> {
        let to: Address =
            notice.email.parse().map_err(|_| Refusal::ForGood("it is no address that mail can be sent to".into()))?;
        let message = Message::builder()
            .message_id(Some(format!("<{}@{}>", notice.id, self.from.email.domain())))
            .date(SystemTime::from(now))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text)
            .map_err(|error| Refusal::ForGood(error.to_string()))?;
        match &self.way {
            Way::Folder(folder) => {
                folder.send(message).await.map_err(|error| Refusal::ForNow(error.to_string()))?;
            }
            Way::Server(server) => {
                // lettre's own limit is for connecting only.
                match tokio::time::timeout(PATIENCE, server.send(message)).await {
                    Ok(sent) => sent.map_err(|error| refusal(&error))?,
                    Err(_elapsed) => return Err(Refusal::ForNow("the mail server did not answer in time".into())),
                };
            }
        }
        Ok(())
    }
}

fn server(url: &str, config: &MailConfig) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let parsed: Url = url.parse().map_err(|_| "smtp is not an address of a mail server".to_owned())?;
    let demands: Vec<_> = parsed.query_pairs().filter(|(name, _)| name == "tls").map(|(_, value)| value).collect();
    let is_safe = match parsed.scheme() {
        "smtps" => demands.is_empty(),
        _ => demands == ["required"] || (demands.is_empty() && parsed.host_str() == Some("127.0.0.1")),
    };
    if !is_safe {
        return Err("smtp must be smtps://… or smtp://…?tls=required: letters leave this machine".into());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("smtp must hold no credentials: say user and password_file".into());
    }
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|error| format!("smtp is not an address of a mail server: {error}"))?;
    match (&config.user, &config.password_file) {
        (Some(user), Some(file)) => {
            let password = std::fs::read_to_string(file)
                .map_err(|error| format!("password_file {} cannot be read: {error}", file.display()))?;
            builder = builder.credentials(Credentials::new(user.clone(), password.trim_end().to_owned()));
        }
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => return Err("user and password_file belong together".into()),
    }
    Ok(builder.build())
}

/// What an error of a mail server means for the letter. Only what the server says of the address itself is for good, by the
/// enhanced codes of RFC 3463 (X.1.1, X.1.2, X.1.3, X.1.6, X.1.10, X.2.1). A relay that is denied, a sender that is not allowed or a
/// sign-in that fails have permanent codes, too, and are the operator's to mend.
fn refusal(error: &lettre::transport::smtp::Error) -> Refusal {
    let of_the_address = ["5.1.1 ", "5.1.2 ", "5.1.3 ", "5.1.6 ", "5.1.10 ", "5.2.1 "];
    let text = error.to_string();
    let is_final = error.is_permanent() && of_the_address.iter().any(|code| text.contains(code));
    if is_final { Refusal::ForGood(text) } else { Refusal::ForNow(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_leave_this_machine_under_tls_only_and_settings_are_checked() {
        let smtp = |url: &str| MailConfig {
            from: "Acme <support@acme.example>".into(),
            smtp: Some(url.into()),
            ..MailConfig::default()
        };
        for good in ["smtps://mail.acme.example", "smtp://mail.acme.example?tls=required", "smtp://127.0.0.1:2525"] {
            assert!(Mailer::new(&smtp(good)).is_ok(), "{good}");
        }
        for bad in [
            "smtp://mail.acme.example",
            "smtp://127.0.0.1.evil.example",
            "smtps://u:p@mail.acme.example",
            "x",
            "smtp://mail.acme.example#tls=required",
            "smtp://mail.acme.example?tls=opportunistic&tls=required",
        ] {
            assert!(Mailer::new(&smtp(bad)).is_err(), "{bad}");
        }
        let good = smtp("smtps://mail.acme.example");
        for bad in [
            MailConfig { from: "nobody".into(), ..good.clone() },
            MailConfig { smtp: None, ..good.clone() },
            MailConfig { folder: Some("mail".into()), ..good.clone() },
            MailConfig { user: Some("u".into()), ..good.clone() },
            MailConfig { user: Some("u".into()), password_file: Some("not/there".into()), ..good },
        ] {
            assert!(Mailer::new(&bad).is_err(), "{bad:?}");
        }
    }
}
