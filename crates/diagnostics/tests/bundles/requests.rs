//! Requests for diagnostics: what is asked for later fits what was given first.
//!
//! Proves W10.

use std::collections::BTreeMap;
use std::path::Path;

use vouch_diagnostics::collect::Plan;
use vouch_diagnostics::profile::Profile;
use vouch_diagnostics::redaction::{Learner, Policy};
use vouch_diagnostics::request::{CollectionRequest, PseudonymKey};
use vouch_diagnostics::seal;

use super::texts;

/// Runs a request as the collector does, and gives the texts by their paths.
fn collected(folder: &Path, request: &CollectionRequest) -> BTreeMap<String, String> {
    let text = format!(
        "name = \"shop\"\nversion = 3\n\
         [[collectors]]\nname = \"logs\"\nabout = \"a\"\nfiles = [\"{0}/a.log\"]\n\
         [[collectors]]\nname = \"settings\"\nabout = \"b\"\nfiles = [\"{0}/b.conf\"]\n",
        folder.display()
    );
    let mut profile = Profile::parse(&text).unwrap();
    let names: Vec<&str> = profile.collectors.iter().map(|collector| collector.name.as_str()).collect();
    request.fits(&profile.title(), &names).unwrap();
    profile.collectors.retain(|collector| request.wants(&collector.name));
    let now = "2026-06-08T12:00:00Z".parse().unwrap();
    let output = folder.join("out.vouch");
    let _ = std::fs::remove_file(&output);
    let learner = Learner::new(Policy::standard().unwrap()).unwrap();
    let key = &request.pseudonym_key.0;
    let bundle = seal(&mut Plan::new(&profile, now), learner, key, now, &output, &mut |_| {}).unwrap();
    texts(&bundle).into_iter().map(|(path, text)| (path.rsplit('/').next().unwrap().to_owned(), text)).collect()
}

#[test]
fn w10_what_is_asked_for_later_is_what_was_named_with_the_pseudonyms_of_the_ticket() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.log"), "peer 10.88.77.66 of finch@birds.example\n").unwrap();
    std::fs::write(folder.path().join("b.conf"), "listen = 10.88.77.66\nadmin = finch@birds.example\n").unwrap();
    let all = CollectionRequest::new("tkt_1", "shop/3", PseudonymKey([7; 32]));
    let first = collected(folder.path(), &all);
    assert_eq!(first.keys().collect::<Vec<_>>(), ["a.log", "b.conf"]);

    let more = CollectionRequest { collectors: vec!["settings".into()], ..all.clone() };
    let more = CollectionRequest::parse(&more.write().unwrap()).unwrap();
    let second = collected(folder.path(), &more);
    assert_eq!(second.keys().collect::<Vec<_>>(), ["b.conf"]);
    assert_eq!(second["b.conf"], first["b.conf"]);
    let address = second["b.conf"].lines().next().unwrap().rsplit(' ').next().unwrap();
    assert!(address != "10.88.77.66" && first["a.log"].contains(address), "one pseudonym in what was given first, too");

    let other = CollectionRequest { pseudonym_key: PseudonymKey([8; 32]), ..more };
    assert_ne!(collected(folder.path(), &other)["b.conf"], second["b.conf"], "of another ticket nobody can tell");
}
