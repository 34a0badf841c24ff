//! What the site and its virtual directories can do, by name.

use crate::switch::HEALTHY;

/// What a virtual directory does with a health request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// 200 with the health page.
    Healthy,
    /// Closes the connection (FIN) without an answer: the component is not active.
    Offline,
    /// Resets the connection (RST) without an answer.
    Resets,
    /// Takes the request and never answers: the worker process hangs.
    Hangs,
    /// 503 of HTTP.sys: the application pool is down.
    PoolDown,
    /// 503 of the application.
    Unavailable,
    /// 200 with the logon page.
    LogonPage,
    /// 200 with the error page of OWA.
    ErrorPage,
    /// 302 to the logon page.
    RedirectToLogon,
    /// 302 to the error page of OWA.
    RedirectToError,
    /// 302 to the same page: a loop for who follows.
    RedirectLoop,
    /// 302 to plain HTTP.
    RedirectToHttp,
    /// 302 to another host.
    RedirectToHost,
    /// 400, as to a foreign host name.
    BadRequest,
    /// 401: something in front wants a logon.
    PreAuthentication,
    /// 403.
    Forbidden,
    /// 404: there is no such virtual directory.
    Missing,
    /// 440: the logon has timed out.
    LogonTimeout,
    /// 500.
    ServerError,
    /// A Content-Length that is larger than the body.
    Truncated,
    /// A chunked body without its end.
    TruncatedChunked,
    /// A chunked body with a size that is none.
    BrokenChunk,
    /// The head, a byte a second.
    DripsHead,
    /// The body, a byte a second.
    DripsBody,
    /// A body without an end.
    EndlessBody,
    /// A body of 100 MB.
    HugeBody,
    /// A header of 10 MB.
    HugeHead,
    /// A thousand headers.
    ManyHeaders,
    /// Something else than HTTP.
    NotHttp,
    /// HTTP with a status line that is none.
    Malformed,
    /// The health page of another server.
    WrongServer,
    /// A clock ten minutes ahead.
    ClockAhead,
    /// A clock ten minutes behind.
    ClockBehind,
    /// Healthy, and closes the connection after the answer without a word on it.
    ClosesAfter,
    /// Healthy, chunked, a byte at a time.
    Fragments,
}

impl Page {
    pub(super) const ALL: [Self; 35] = [
        Self::Healthy,
        Self::Offline,
        Self::Resets,
        Self::Hangs,
        Self::PoolDown,
        Self::Unavailable,
        Self::LogonPage,
        Self::ErrorPage,
        Self::RedirectToLogon,
        Self::RedirectToError,
        Self::RedirectLoop,
        Self::RedirectToHttp,
        Self::RedirectToHost,
        Self::BadRequest,
        Self::PreAuthentication,
        Self::Forbidden,
        Self::Missing,
        Self::LogonTimeout,
        Self::ServerError,
        Self::Truncated,
        Self::TruncatedChunked,
        Self::BrokenChunk,
        Self::DripsHead,
        Self::DripsBody,
        Self::EndlessBody,
        Self::HugeBody,
        Self::HugeHead,
        Self::ManyHeaders,
        Self::NotHttp,
        Self::Malformed,
        Self::WrongServer,
        Self::ClockAhead,
        Self::ClockBehind,
        Self::ClosesAfter,
        Self::Fragments,
    ];

    /// The name that it is switched by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => HEALTHY,
            Self::Offline => "offline",
            Self::Resets => "resets",
            Self::Hangs => "hangs",
            Self::PoolDown => "pool_down",
            Self::Unavailable => "unavailable",
            Self::LogonPage => "logon_page",
            Self::ErrorPage => "error_page",
            Self::RedirectToLogon => "redirect_to_logon",
            Self::RedirectToError => "redirect_to_error",
            Self::RedirectLoop => "redirect_loop",
            Self::RedirectToHttp => "redirect_to_http",
            Self::RedirectToHost => "redirect_to_host",
            Self::BadRequest => "bad_request",
            Self::PreAuthentication => "pre_authentication",
            Self::Forbidden => "forbidden",
            Self::Missing => "missing",
            Self::LogonTimeout => "logon_timeout",
            Self::ServerError => "server_error",
            Self::Truncated => "truncated",
            Self::TruncatedChunked => "truncated_chunked",
            Self::BrokenChunk => "broken_chunk",
            Self::DripsHead => "drips_head",
            Self::DripsBody => "drips_body",
            Self::EndlessBody => "endless_body",
            Self::HugeBody => "huge_body",
            Self::HugeHead => "huge_head",
            Self::ManyHeaders => "many_headers",
            Self::NotHttp => "not_http",
            Self::Malformed => "malformed",
            Self::WrongServer => "wrong_server",
            Self::ClockAhead => "clock_ahead",
            Self::ClockBehind => "clock_behind",
            Self::ClosesAfter => "closes_after",
            Self::Fragments => "fragments",
        }
    }
}

/// What the whole site does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Serves; each virtual directory as it is switched.
    Serves,
    /// Every virtual directory does this, whatever it is switched to.
    Everywhere(Page),
    /// Shakes hands over TLS 1.0 only.
    Tls10,
    /// Shows a certificate that has expired.
    Expired,
    /// Ignores the name that it is asked for, and shows the certificate of another.
    OtherName,
    /// Shows the certificate of an authority that nobody knows.
    UnknownAuthority,
    /// Takes the ClientHello and never answers.
    HandshakeHangs,
    /// Takes the ClientHello and resets: no certificate is bound to the port.
    HandshakeResets,
    /// Takes the ClientHello and closes.
    HandshakeCloses,
    /// Speaks HTTP without TLS.
    PlainHttp,
    /// Speaks SSH.
    Ssh,
}

impl Site {
    /// Everything that it can do; what each virtual directory can do is named as there.
    pub(super) fn all() -> Vec<Self> {
        let own = [
            Self::Tls10,
            Self::Expired,
            Self::OtherName,
            Self::UnknownAuthority,
            Self::HandshakeHangs,
            Self::HandshakeResets,
            Self::HandshakeCloses,
            Self::PlainHttp,
            Self::Ssh,
        ];
        let everywhere = Page::ALL.into_iter().skip(1).map(Self::Everywhere);
        std::iter::once(Self::Serves)
            .chain(everywhere)
            .chain(own)
            .collect()
    }

    /// The name that it is switched by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Serves => HEALTHY,
            Self::Everywhere(page) => page.name(),
            Self::Tls10 => "tls_1_0",
            Self::Expired => "expired",
            Self::OtherName => "other_name",
            Self::UnknownAuthority => "unknown_authority",
            Self::HandshakeHangs => "handshake_hangs",
            Self::HandshakeResets => "handshake_resets",
            Self::HandshakeCloses => "handshake_closes",
            Self::PlainHttp => "plain_http",
            Self::Ssh => "ssh",
        }
    }
}
