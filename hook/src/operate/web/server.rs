//! HTTP/1.1 to a bounded number of clients, each for a bounded time.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// So many clients at once; the next one waits until one of them has gone.
const CLIENTS: usize = 32;

/// The head of a request, and a pause between two of them, take no longer.
const HEAD: Duration = Duration::from_secs(5);

/// A connection lasts no longer, however slowly its client reads.
const CONNECTION: Duration = Duration::from_secs(30);

/// The longest head of a request.
const LONGEST_HEAD: usize = 16 * 1024;

/// Serves for ever.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_one(stream, router).await;
                    drop(place);
                });
            }
            // No descriptor left: the checks free theirs within their timeout.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What a client does wrong ends its connection, and is nobody else's concern.
async fn serve_one(stream: TcpStream, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let _ = timeout(CONNECTION, connection).await;
}
