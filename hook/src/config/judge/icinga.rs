//! Judges the `[icinga]` section, with the files that it names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use toml::Spanned;

use super::super::Check;
use super::super::fault::{Fault, nearest};
use super::super::file::{self, Placed};
use super::super::icinga::{Icinga, Login, Object, authorities};
use super::{Names, absolute, time};

/// The API's own port.
const PORT: u16 = 5665;

/// How often the present state is read unless the file says otherwise.
const INTERVAL: Duration = Duration::from_secs(60);

pub(super) fn judge(
    section: &Spanned<file::Icinga>,
    checks: &[Check],
    names: &Names<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Icinga> {
    let written = section.as_ref();
    let place = url(section, faults);
    let login = login(section, faults);
    let take = take(&written.take, checks, faults);
    let give = written.give.as_ref().is_some_and(|give| *give.as_ref());
    let director = director(&written.director, faults);
    if written.take.is_none() && !give && written.director.is_none() {
        let nothing = Fault::at(section.span(), "[icinga] takes nothing and gives nothing");
        faults.push(
            nothing.suggest("add take = [\"CHECK\"], give = true, or director = \"HOST!SERVICE\""),
        );
    }
    let ca = ca(&written.ca, faults);
    let hosts = hosts(&written.hosts, names, faults);
    let interval = time(faults, "interval", &written.interval, INTERVAL);
    let (host, port) = place?;
    let name = written.name.as_ref().map(|name| name.as_ref().clone());
    Some(Icinga {
        name: name.unwrap_or_else(|| host.clone()),
        host,
        port,
        ca,
        login: login?,
        take,
        give,
        director,
        hosts,
        interval,
    })
}

/// Host and port of `https://HOST[:PORT]`.
fn url(section: &Spanned<file::Icinga>, faults: &mut Vec<Fault>) -> Option<(String, u16)> {
    const EXAMPLE: &str = "write url = \"https://icinga.example.test:5665\"";
    let Some(written) = &section.as_ref().url else {
        faults.push(Fault::at(section.span(), "[icinga] has no url").suggest(EXAMPLE));
        return None;
    };
    let uri: Uri = written.as_ref().parse().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let why = if authority.contains('@') {
        "must not hold a user or a password"
    } else if uri.scheme_str() != Some("https") || authority.is_empty() {
        "is not https://HOST[:PORT]"
    } else if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        "must end after the port; the API's paths are known"
    } else {
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        return Some((host.to_owned(), uri.port_u16().unwrap_or(PORT)));
    };
    // A password is not repeated in a fault.
    faults.push(Fault::at(written.span(), format!("url {why}")).suggest(EXAMPLE));
    None
}

fn login(section: &Spanned<file::Icinga>, faults: &mut Vec<Fault>) -> Option<Login> {
    let written = section.as_ref();
    absolute("password_file", &written.password_file, faults);
    absolute("token_file", &written.token_file, faults);
    let file = |path: &Spanned<String>| PathBuf::from(path.as_ref());
    let (login, span) = match (&written.user, &written.password_file, &written.token_file) {
        (Some(user), Some(path), None) => {
            if user.as_ref().is_empty() || user.as_ref().contains(':') {
                faults.push(Fault::at(
                    user.span(),
                    "user is empty, or has a colon in it",
                ));
            }
            let (user, file) = (user.as_ref().clone(), file(path));
            (Login::Password { user, file }, path.span())
        }
        (None, None, Some(path)) => (Login::Token { file: file(path) }, path.span()),
        _ => {
            let message = "[icinga] needs user and password_file, or token_file alone";
            let fault = Fault::at(section.span(), message);
            faults.push(fault.suggest(
                "add user = \"governess\" and password_file = \"/etc/governess/icinga.password\"",
            ));
            return None;
        }
    };
    if login.file().is_absolute()
        && let Err(why) = login.header()
    {
        faults.push(Fault::at(span, why).suggest("one line, mode 0600"));
    }
    Some(login)
}

fn ca(written: &Placed<String>, faults: &mut Vec<Fault>) -> Option<PathBuf> {
    absolute("ca", written, faults);
    let written = written.as_ref()?;
    let path = PathBuf::from(written.as_ref());
    if path.is_absolute()
        && let Err(why) = authorities(&path)
    {
        let fault = Fault::at(written.span(), format!("ca: {why}"));
        faults.push(fault.suggest("Icinga's own is /var/lib/icinga2/certs/ca.crt on its master"));
    }
    Some(path)
}

/// Checks that take results of others.
fn take(
    written: &Placed<Vec<Spanned<String>>>,
    checks: &[Check],
    faults: &mut Vec<Fault>,
) -> Vec<String> {
    let listed = written.as_ref().map_or(&[][..], |list| list.as_ref());
    for name in listed {
        let found = checks.iter().find(|check| check.name == *name.as_ref());
        let fault =
            |why: &str| Fault::at(name.span(), format!("take: \"{}\" {why}", name.as_ref()));
        match found {
            Some(check) if check.is_reported() => {}
            Some(_) => faults.push(
                fault("is carried out by governess itself")
                    .suggest("only checks with reported = {} take results of others"),
            ),
            None => {
                let reported = checks.iter().filter(|check| check.is_reported());
                let known = reported.map(|check| check.name.as_str());
                let near =
                    nearest(name.as_ref(), known).map(|word| format!("did you mean \"{word}\"?"));
                faults.push(fault("is no check of this file").suggest(
                    near.unwrap_or_else(|| "add [checks.NAME] with reported = {}".to_owned()),
                ));
            }
        }
    }
    listed.iter().map(|name| name.as_ref().clone()).collect()
}

fn director(written: &Placed<String>, faults: &mut Vec<Fault>) -> Option<Object> {
    let written = written.as_ref()?;
    match written.as_ref().split_once('!') {
        Some((host, service)) if !host.is_empty() && !service.is_empty() => Some(Object {
            host: host.to_owned(),
            service: service.to_owned(),
        }),
        _ => {
            let message = format!("director = \"{}\" is not HOST!SERVICE", written.as_ref());
            faults.push(Fault::at(written.span(), message).suggest("such as \"lb1!governess\""));
            None
        }
    }
}

/// Icinga's names of servers. Two servers must not be one host.
fn hosts(
    written: &Placed<file::Named<Spanned<String>>>,
    names: &Names<'_>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, String> {
    let Some(written) = written else {
        return BTreeMap::new();
    };
    let mut hosts = BTreeMap::new();
    for (server, host) in written.as_ref() {
        let known = names.servers.keys().copied();
        if !names.servers.contains_key(server.as_ref().as_str()) {
            let message = format!("hosts: there is no server \"{}\"", server.as_ref());
            let fault = Fault::at(server.span(), message);
            faults.push(match nearest(server.as_ref(), known) {
                Some(word) => fault.suggest(format!("did you mean \"{word}\"?")),
                None => fault,
            });
        }
        if hosts.values().any(|other| other == host.as_ref()) {
            let message = format!("hosts: \"{}\" is named twice", host.as_ref());
            faults.push(Fault::at(host.span(), message));
        }
        hosts.insert(server.as_ref().clone(), host.as_ref().clone());
    }
    hosts
}
