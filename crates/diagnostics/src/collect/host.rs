//! What has to be masked of this host, whether it is collected or not.

use std::fs::File;
use std::path::Path;

use crate::Source;
use crate::redaction::{Learner, NameKind};

/// Files that list names of this host, its network and its users.
const LISTS: [&str; 5] = ["etc/hostname", "proc/sys/kernel/hostname", "etc/hosts", "etc/resolv.conf", "etc/passwd"];
/// Variables that hold the name of the one who runs this, and of the host.
const VARIABLES: [(&str, NameKind); 4] = [
    ("USER", NameKind::User),
    ("LOGNAME", NameKind::User),
    ("SUDO_USER", NameKind::User),
    ("HOSTNAME", NameKind::Host),
];

/// Learns the names of this host, its domain and its users. What cannot be read is not known; the rules still hold.
pub fn learn_host(learner: &mut Learner) {
    for path in LISTS {
        if let Ok(mut file) = File::open(Path::new("/").join(path)) {
            let _ = learner.read(path, &mut file);
        }
    }
    if let Ok(domain) = std::fs::read_to_string("/proc/sys/kernel/domainname") {
        learner.name(NameKind::Domain, &domain, Source::Lists);
    }
    for entry in std::fs::read_dir("/home").into_iter().flatten().flatten() {
        learner.name(NameKind::User, &entry.file_name().to_string_lossy(), Source::Lists);
    }
    for (name, value) in std::env::vars_os() {
        if let Some((_, kind)) = VARIABLES.iter().find(|(known, _)| name == *known) {
            learner.name(*kind, &value.to_string_lossy(), Source::Lists);
        }
    }
}
