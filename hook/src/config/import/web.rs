//! Checks of a web page.
//!
//! `owa` asks for Exchange's health pages over TLS. Any other page is asked for by a `tcp` check,
//! which looks at the beginning of an answer: that HTTP is spoken. What it cannot see is told,
//! with the plugin that can.

use super::draft::Probe;

/// The plugin that looks at a status and a body.
const PLUGIN: &str = "/usr/lib/nagios/plugins/check_http";

/// A page, and what the other program expected of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) tls: bool,
    /// Whether `HEAD` is sent instead of `GET`.
    pub(super) head: bool,
    pub(super) path: String,
    pub(super) host: Option<String>,
    /// What the status line must hold, if not 2xx.
    pub(super) status: Option<String>,
    /// What the body must match.
    pub(super) pattern: Option<String>,
}

/// A page as a check, with what has to be said of it.
pub(super) struct Asked {
    pub(super) probe: Probe,
    pub(super) remark: String,
}

impl Page {
    /// The check at a port; `None` for the port that each server has itself.
    pub(super) fn check(&self, port: Option<u16>) -> Asked {
        if let Some(asked) = self.health_page(port) {
            return asked;
        }
        let (send, expect, seen) = match self.request() {
            Some(request) => (
                request,
                "HTTP/",
                "an HTTP answer is enough, whatever its status",
            ),
            None => (String::new(), "", "connecting is enough"),
        };
        let remark = format!(
            "{}: {seen}; to look at the answer write exec = {}",
            self.name(),
            self.plugin(port)
        );
        Asked {
            probe: Probe::Tcp {
                port,
                send,
                expect: expect.to_owned(),
            },
            remark,
        }
    }

    fn name(&self) -> String {
        let method = if self.head { "HEAD" } else { "GET" };
        let tls = if self.tls { " over TLS" } else { "" };
        format!("{method} {}{tls}", self.path)
    }

    /// One of Exchange's health pages, asked for as it wants to be: GET, over TLS, at a name.
    fn health_page(&self, port: Option<u16>) -> Option<Asked> {
        const PAGE: &str = "/healthcheck.htm";
        let at = self.path.len().checked_sub(PAGE.len())?;
        let (vdir, page) = self.path.split_at_checked(at)?;
        let is_health_page = page.eq_ignore_ascii_case(PAGE);
        let vdir = vdir.trim_start_matches('/');
        if !self.tls || !is_health_page || vdir.parse::<plugins::owa::Vdir>().is_err() {
            return None;
        }
        let (host, port) = (self.host.clone()?, port?);
        if !plugins::owa::is_host_name(&host) {
            return None;
        }
        let head = match self.head {
            true => "; it is asked for with GET, for Exchange answers HEAD with a login page",
            false => "",
        };
        Some(Asked {
            remark: format!(
                "{} is a health page of Exchange: the check `owa` takes its place, which also sees \
                 whose page it is, and maintenance{head}",
                self.path
            ),
            probe: Probe::Owa {
                port,
                host,
                vdir: vdir.to_owned(),
            },
        })
    }

    /// What is sent in clear, if a `tcp` check can.
    fn request(&self) -> Option<String> {
        let line = |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let host = match &self.host {
            Some(host) if line(host) => format!("Host: {host}\r\n"),
            Some(_) => return None,
            None => String::new(),
        };
        let method = if self.head { "HEAD" } else { "GET" };
        (!self.tls && line(&self.path)).then(|| {
            format!(
                "{method} {} HTTP/1.0\r\n{host}Connection: close\r\n\r\n",
                self.path
            )
        })
    }

    /// The plugin's command line, as `exec` takes it.
    fn plugin(&self, port: Option<u16>) -> String {
        let mut words = vec![PLUGIN.to_owned(), "-I".to_owned(), "{address}".to_owned()];
        let mut option = |name: &str, value: &str| words.extend([name.into(), value.into()]);
        if let Some(port) = port {
            option("-p", &port.to_string());
        }
        option("-u", &self.path);
        if let Some(host) = &self.host {
            option("-H", host);
        }
        option("-e", self.status.as_deref().unwrap_or(" 2"));
        if let Some(pattern) = &self.pattern {
            option("-r", pattern);
        }
        if self.tls {
            words.push("-S".to_owned());
        }
        super::write::list(&words)
    }
}
