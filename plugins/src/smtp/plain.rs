//! For the program that speaks no TLS.

use shared::deadline::Deadline;
use shared::tls::{Fault, Session};
use tokio::net::TcpStream;

use super::conversation::{Tls, Unshaken};

/// Shakes no hands.
pub(super) struct NoTls;

impl Tls for NoTls {
    type Secured = TcpStream;

    async fn shake_hands(
        &self,
        _: TcpStream,
        _: Option<&str>,
        _: &Deadline,
    ) -> Result<(TcpStream, Session), Unshaken> {
        Err(Unshaken {
            fault: Fault::Own("this program has none".to_owned()),
            received: 0,
        })
    }

    async fn close(&self, _: TcpStream) {}
}
