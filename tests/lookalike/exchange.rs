//! One Exchange server: all its services on one address, under one name.

use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::rdp::Rdp;
use crate::switch::Switchable;

/// Where its services listen; port 0 chooses a free one.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Ports {
    /// The port of RDP
    #[arg(long = "rdp-port", value_name = "PORT", default_value_t = 3389)]
    pub rdp: u16,
}

/// A running server; it serves until the process ends.
pub struct Exchange {
    services: Vec<Box<dyn Switchable>>,
}

impl Exchange {
    /// Listens on all ports of that address, as the server of that NetBIOS name in the domain
    /// exch.test, in health.
    ///
    /// # Errors
    /// A port cannot be bound; the message names it.
    pub fn listen(address: IpAddr, name: &str, ports: Ports) -> io::Result<Self> {
        let rdp = SocketAddr::new(address, ports.rdp);
        Ok(Self {
            services: vec![Box::new(named(rdp, Rdp::listen_as(rdp, name))?)],
        })
    }

    /// All services, each with a name of its own.
    pub fn services(&self) -> &[Box<dyn Switchable>] {
        &self.services
    }

    /// Has a service take on a behaviour.
    ///
    /// # Errors
    /// There is no such service, or it knows no such behaviour; the message lists them.
    pub fn switch(&self, service: &str, behaviour: &str) -> Result<(), String> {
        let found = self.services.iter().find(|known| known.name() == service);
        match found {
            Some(service) => service.switch(behaviour),
            None => {
                let names: Vec<String> = self.services.iter().map(|known| known.name()).collect();
                Err(format!(
                    "there is no service {service}; there is {}",
                    names.join(" ")
                ))
            }
        }
    }
}

fn named<T>(address: SocketAddr, bound: io::Result<T>) -> io::Result<T> {
    bound.map_err(|error| io::Error::new(error.kind(), format!("cannot serve {address}: {error}")))
}
