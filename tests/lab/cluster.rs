//! The original set-up at work, and the few sentences of which most scenarios are made.

use std::time::Duration;

use crate::Outcome;
use crate::director::{CONFIG, Director, STATE, ServiceStatus, original};
use crate::exchange::Exchange;
use crate::ipvs::{self, Table, weight};
use crate::namespace::Namespace;
use crate::servers::{Rdp, serve_echo, serve_echo_on};
use crate::story::Story;
use crate::topology::{MARK, Topology};
use crate::traffic::{Toll, Traffic};

/// The address of ex1 inside.
pub(crate) const EX1: &str = "10.0.1.1";

/// The address of ex2 inside.
pub(crate) const EX2: &str = "10.0.1.2";

/// Two real servers, lb1 before them, and governess for lb1. The servers are xrdp beside echo
/// services on the ports of Exchange, unless said otherwise.
pub(crate) struct Cluster<'a, Server = Rdp> {
    pub(crate) story: &'a Story,
    pub(crate) net: Topology,
    // Before the servers: fields are dropped in this order, and governess should not see them go.
    pub(crate) governess: Director,
    pub(crate) ex1: Server,
    pub(crate) ex2: Server,
}

/// One server: the health that governess sees, and the weight that the kernel has.
pub(crate) type Standing = (&'static str, u32);

/// It works and serves.
pub(crate) const UP: Standing = ("up", 1);

/// It does not work and gets no new connection.
pub(crate) const DOWN: Standing = ("down", 0);

/// It says itself that it is in maintenance, and gets no new connection.
pub(crate) const MAINTAINED: Standing = ("maintenance", 0);

/// It does not work, and keeps its weight because no other does.
pub(crate) const KEPT: Standing = ("down", 1);

/// ex1 and ex2 at one moment, and whether governess says that it keeps servers which do not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scene {
    servers: [(String, u32); 2],
    fail_open: bool,
}

impl Scene {
    /// The pool has servers that work.
    pub(crate) fn works(servers: [Standing; 2]) -> Self {
        Self {
            servers: servers.map(owned),
            fail_open: false,
        }
    }

    /// No server works, and governess says so.
    pub(crate) fn fails_open(servers: [Standing; 2]) -> Self {
        Self {
            servers: servers.map(owned),
            fail_open: true,
        }
    }
}

/// The machines; should the scenario fail, the table of lb1 is shown.
fn network(story: &Story) -> Outcome<Topology> {
    story.on_failure("lb1: its table", || {
        let listing = Namespace::open("lb1").and_then(|lb1| ipvs::listing(&lb1));
        listing.unwrap_or_else(|error| error.to_string())
    });
    Topology::build()
}

fn owned((health, weight): Standing) -> (String, u32) {
    (health.to_owned(), weight)
}

impl<'a> Cluster<'a> {
    /// Everything but the table of IPVS; governess does not run yet.
    pub(crate) fn build(story: &'a Story) -> Outcome<Self> {
        let cluster = Self::bare(story, CONFIG)?;
        cluster.net.lb1_serves()?;
        Ok(cluster)
    }

    /// The machines with their own addresses; lb1 forwards nothing and holds nothing, and governess
    /// does not run yet.
    pub(crate) fn bare(story: &'a Story, config: &str) -> Outcome<Self> {
        let net = network(story)?;
        serve_echo(&net.ex1)?;
        serve_echo(&net.ex2)?;
        let ex1 = Rdp::begin(story, Namespace::open("ex1")?)?;
        let ex2 = Rdp::begin(story, Namespace::open("ex2")?)?;
        let governess = Director::prepare(story, Namespace::open("lb1")?, STATE, config)?;
        Ok(Self {
            story,
            net,
            ex1,
            ex2,
            governess,
        })
    }

    /// The same with governess at work: both servers are up and have their weight.
    pub(crate) fn serving(story: &'a Story) -> Outcome<Self> {
        let mut cluster = Self::build(story)?;
        cluster.governess.start(story)?;
        cluster.until("both servers are up", &Scene::works([UP, UP]))?;
        Ok(cluster)
    }

    /// The original set-up, all of it by governess: both servers are up, and nothing is left to do.
    pub(crate) fn original(story: &'a Story) -> Outcome<Self> {
        let mut cluster = Self::bare(story, &original()?)?;
        cluster.begin()?;
        Ok(cluster)
    }

    /// Two long-lived connections from each of four clients, carrying numbered messages.
    pub(crate) fn traffic(&self) -> Outcome<Traffic> {
        self.traffic_to(&[25, 443])
    }
}

impl<'a> Cluster<'a, Exchange> {
    /// The same machines with look-alikes of Exchange as servers, and an echo service on port 80,
    /// which they leave free; governess does not run yet, nor does lb1 hold anything.
    pub(crate) fn of_exchange(story: &'a Story, state: &str, config: &str) -> Outcome<Self> {
        let net = network(story)?;
        serve_echo_on(&net.ex1, &[80])?;
        serve_echo_on(&net.ex2, &[80])?;
        let ex1 = Exchange::begin(story, Namespace::open("ex1")?, EX1)?;
        let ex2 = Exchange::begin(story, Namespace::open("ex2")?, EX2)?;
        let governess = Director::prepare(story, Namespace::open("lb1")?, state, config)?;
        Ok(Self {
            story,
            net,
            ex1,
            ex2,
            governess,
        })
    }

    /// One long-lived connection from each of four clients, carrying numbered messages.
    pub(crate) fn traffic(&self) -> Outcome<Traffic> {
        self.traffic_to(&[80])
    }
}

impl<Server> Cluster<'_, Server> {
    /// Starts governess; then both servers are up, and nothing is left to do.
    pub(crate) fn begin(&mut self) -> Outcome {
        self.governess.start(self.story)?;
        self.until("both servers are up", &Scene::works([UP, UP]))?;
        self.until_whole().map(drop)
    }

    /// Waits until governess has nothing left to do; gives the time it took.
    pub(crate) fn until_whole(&self) -> Outcome<Duration> {
        let nothing = (Some(0), Vec::new());
        self.story
            .until("nothing is left to do", &nothing, || self.governess.plan())
    }

    /// Waits for an event of the present run whose reason contains these words.
    pub(crate) fn until_event(&self, name: &str, words: &str) -> Outcome<Duration> {
        let what = format!("event {name} with \"{words}\"");
        self.story.until(&what, &true, || {
            let reasons = self.events(name, None)?;
            Ok(reasons.iter().any(|reason| reason.contains(words)))
        })
    }

    /// The weight that the operator set by hand, as governess knows it.
    pub(crate) fn wish(&self, server: &str) -> Outcome<Option<u32>> {
        let wish = self.word(server)?;
        Ok(wish.and_then(|wish| u32::try_from(wish.as_u64()?).ok()))
    }

    /// What the operator wants of a server, as governess knows it: a weight or a word.
    pub(crate) fn word(&self, server: &str) -> Outcome<Option<serde_json::Value>> {
        let status = self.governess.status()?;
        Ok(status.exchange()?.server(server)?.wish.clone())
    }

    /// Waits for a scene; gives the time it took.
    pub(crate) fn until(&self, what: &str, scene: &Scene) -> Outcome<Duration> {
        self.story.until(what, scene, || self.scene())
    }

    /// What governess says and what `ipvsadm` says; it is an error if they disagree.
    pub(crate) fn scene(&self) -> Outcome<Scene> {
        let status = self.governess.status()?;
        let exchange = status.exchange()?;
        Ok(Scene {
            servers: [
                self.standing(exchange, "ex1", EX1)?,
                self.standing(exchange, "ex2", EX2)?,
            ],
            fail_open: exchange.fail_open,
        })
    }

    fn standing(&self, service: &ServiceStatus, name: &str, at: &str) -> Outcome<(String, u32)> {
        let server = service.server(name)?;
        let found = weight(&self.net.lb1, MARK, at)?;
        match (server.weight_kernel, found) {
            (Some(said), Some(found)) if said == found && server.weight_wanted == found => {
                Ok((server.health.clone(), found))
            }
            _ => Err(format!("{name} has weight {found:?}; governess says {server:?}").into()),
        }
    }

    /// Waits until governess has seen this kind of verdict on a server.
    pub(crate) fn until_kind(&self, server: &str, kind: &str) -> Outcome<Duration> {
        let what = format!("governess finds {server}: {kind}");
        self.story
            .until(&what, &kind.to_owned(), || self.kind(server))
    }

    /// The kind of governess's last verdict on a server.
    pub(crate) fn kind(&self, server: &str) -> Outcome<String> {
        let status = self.governess.status()?;
        Ok(status.exchange()?.server(server)?.kind("rdp"))
    }

    /// The table of lb1.
    pub(crate) fn table(&self) -> Outcome<Table> {
        ipvs::table(&self.net.lb1)
    }

    fn traffic_to(&self, ports: &[u16]) -> Outcome<Traffic> {
        let clients = Topology::client_addresses().take(4);
        let traffic = Traffic::begin(&self.net.client, clients, ports)?;
        self.story.tell(&format!("traffic: {}", traffic.leads()));
        Ok(traffic)
    }

    /// Ends the traffic; a number lost or repeated is an error.
    pub(crate) fn uncut(&self, traffic: Traffic) -> Outcome {
        let leads = traffic.leads();
        let count = traffic.finish()?;
        self.story
            .figure(&format!("{count} (connections: {leads})"));
        Ok(())
    }

    /// Ends traffic that had to be harmed, and prints what it cost.
    pub(crate) fn toll(&self, of: &str, traffic: Traffic) -> Outcome<Toll> {
        let leads = traffic.leads();
        let toll = traffic.toll()?;
        self.story
            .figure(&format!("{of}: {toll} (connections: {leads})"));
        Ok(toll)
    }

    /// How many events of this name and about this server the journal of the present run has.
    pub(crate) fn events(&self, name: &str, server: Option<&str>) -> Outcome<Vec<String>> {
        let of_this_kind = |event: &crate::director::Event| {
            event.event == name && (server.is_none() || event.server.as_deref() == server)
        };
        let events = self
            .governess
            .events_of_this_run()?
            .into_iter()
            .filter(of_this_kind);
        Ok(events.map(|event| event.reason).collect())
    }
}
