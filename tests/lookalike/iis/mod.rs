//! IIS with the virtual directories of an Exchange front end, over TLS, with every fault of a web
//! server that a check must tell apart, for each virtual directory and for the whole site.
//!
//! It encodes our reading of what Exchange and IIS do: only a GET of a page named healthcheck.htm
//! is a health request, and every other request is one of a user without a logon.

mod answer;
mod behaviour;
mod request;
mod site;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::certificate::Certificate;
use crate::switch::Switchable;
pub use behaviour::{Page, Site};

/// The virtual directories of an Exchange front end.
pub const VDIRS: [&str; 9] = [
    "owa",
    "ecp",
    "ews",
    "mapi",
    "rpc",
    "oab",
    "autodiscover",
    "Microsoft-Server-ActiveSync",
    "PowerShell",
];

/// A running look-alike; it serves until the process ends.
#[derive(Clone, Debug)]
pub struct Iis {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// The server's own name, in DNS.
    name: String,
    certificate: Certificate,
    switched: Mutex<Switched>,
}

#[derive(Debug)]
struct Switched {
    site: Site,
    pages: BTreeMap<&'static str, Page>,
    connections: usize,
    /// The first lines of the requests that came.
    requests: Vec<String>,
}

impl State {
    fn switched(&self) -> MutexGuard<'_, Switched> {
        self.switched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Iis {
    /// Listens on an address, as the server of that name in DNS, such as `ex1.exch.test`; port 0
    /// chooses a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn listen(
        address: SocketAddr,
        name: &str,
        certificate: Certificate,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let switched = Switched {
            site: Site::Serves,
            pages: VDIRS.map(|vdir| (vdir, Page::Healthy)).into(),
            connections: 0,
            requests: Vec::new(),
        };
        let iis = Self {
            address: listener.local_addr()?,
            state: Arc::new(State {
                name: name.to_owned(),
                certificate,
                switched: Mutex::new(switched),
            }),
        };
        let state = Arc::clone(&iis.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                state.switched().connections += 1;
                // An error of the client ends its connection, as it would end a real one.
                thread::spawn(move || site::serve(stream, &state));
            }
        });
        Ok(iis)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the whole site does from now on.
    pub fn behave(&self, site: Site) {
        self.state.switched().site = site;
    }

    /// What one virtual directory does from now on.
    pub fn behave_at(&self, vdir: &'static str, page: Page) {
        self.state.switched().pages.insert(vdir, page);
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.state.switched().connections
    }

    /// The first lines of the requests that came so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.switched().requests.clone()
    }

    /// Everything that can be switched by name: the site as `https`, and each virtual directory.
    pub fn services(&self) -> Vec<Box<dyn Switchable>> {
        let site: Box<dyn Switchable> = Box::new(SiteSwitch(self.clone()));
        let vdirs = VDIRS.map(|vdir| -> Box<dyn Switchable> {
            Box::new(PageSwitch {
                iis: self.clone(),
                vdir,
            })
        });
        std::iter::once(site).chain(vdirs).collect()
    }
}

struct SiteSwitch(Iis);

impl Switchable for SiteSwitch {
    fn name(&self) -> String {
        "https".to_owned()
    }

    fn behaviours(&self) -> Vec<&'static str> {
        Site::all().into_iter().map(Site::name).collect()
    }

    fn switch(&self, behaviour: &str) -> Result<(), String> {
        let site = Site::all()
            .into_iter()
            .find(|site| site.name() == behaviour);
        self.0
            .behave(site.ok_or_else(|| unknown(behaviour, &self.behaviours()))?);
        Ok(())
    }
}

struct PageSwitch {
    iis: Iis,
    vdir: &'static str,
}

impl Switchable for PageSwitch {
    fn name(&self) -> String {
        self.vdir.to_owned()
    }

    fn behaviours(&self) -> Vec<&'static str> {
        Page::ALL.map(Page::name).to_vec()
    }

    fn switch(&self, behaviour: &str) -> Result<(), String> {
        let page = Page::ALL.into_iter().find(|page| page.name() == behaviour);
        let page = page.ok_or_else(|| unknown(behaviour, &self.behaviours()))?;
        self.iis.behave_at(self.vdir, page);
        Ok(())
    }
}

fn unknown(behaviour: &str, known: &[&str]) -> String {
    format!(
        "there is no behaviour '{behaviour}'; known: {}",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Wish;
    use crate::switch::HEALTHY;

    fn iis() -> Iis {
        let certificate = Wish::of("mail.exch.test").issue().unwrap();
        Iis::listen("127.0.0.1:0".parse().unwrap(), "ex1.exch.test", certificate).unwrap()
    }

    #[test]
    fn every_service_begins_healthy_and_takes_on_each_of_its_behaviours() {
        for service in iis().services() {
            let behaviours = service.behaviours();
            assert_eq!(behaviours.first(), Some(&HEALTHY));
            for behaviour in behaviours {
                assert_eq!(service.switch(behaviour), Ok(()));
            }
        }
    }

    #[test]
    fn an_unknown_behaviour_is_refused_with_those_that_are_known() {
        for service in iis().services() {
            let refusal = service.switch("sulks").unwrap_err();
            assert!(
                refusal.contains("sulks") && refusal.contains("offline"),
                "{refusal}"
            );
        }
    }

    #[test]
    fn no_two_services_and_no_two_behaviours_share_a_name() {
        let mut names: Vec<String> = iis().services().iter().map(|it| it.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 1 + VDIRS.len());
        for service in iis().services() {
            let mut names = service.behaviours();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all);
        }
    }
}
