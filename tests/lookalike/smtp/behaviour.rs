//! The states and faults of a connector, by name.

/// What a connector does with a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// As a healthy server.
    #[default]
    Healthy,
    /// The greeting comes late.
    BannerLate,
    /// A greeting of several lines.
    BannerMultiline,
    /// The first line of a greeting, then a byte now and then.
    BannerDrip,
    /// 554 as greeting.
    Banner554,
    /// A greeting that is no reply.
    BannerGarbage,
    /// A greeting without an end.
    BannerNoCrlf,
    /// A greeting that ends in LF alone.
    BannerLfAlone,
    /// A greeting of one line of a megabyte.
    BannerLongLine,
    /// A greeting of lines that never end, 100 MB of them.
    BannerEndless,
    /// Another protocol greets: a web server's refusal.
    Http,
    /// Another protocol greets: SSH.
    Ssh,
    /// Another protocol greets: an X.224 Connection Confirm.
    Rdp,
    /// It says nothing and waits for a ClientHello.
    ImplicitTls,
    /// It says nothing.
    Silent,
    /// It closes at once.
    Closes,
    /// It resets at once.
    Resets,
    /// It waits for a header of the PROXY protocol, and closes where none comes.
    ExpectsProxy,
    /// 421 4.3.2 Service not available as greeting.
    MaintenanceBanner,
    /// The component is Inactive: 421 4.3.2 Service not active in answer to MAIL; a transport
    /// service refuses strangers before it looks.
    Inactive,
    /// The same with the code that KB 2866822 prints.
    Inactive412,
    /// The component is Draining: 421 4.3.2 Service not available to strangers too, as greeting
    /// on a front end.
    Draining,
    /// Too many connections, as greeting.
    ConnectionLimit,
    /// Too many connections of one client, as greeting.
    ConnectionLimitPerSource,
    /// Too many messages of one client.
    RateLimit,
    /// 452 4.3.1 in answer to MAIL.
    BackPressure,
    /// 452 4.3.1 as greeting.
    BackPressureBanner,
    /// MAIL is answered late.
    BackPressureTarpit,
    /// The front end cannot resolve a transport service.
    Prx2,
    /// The front end cannot connect to the transport service of a client.
    Cprx3,
    /// EHLO is refused.
    Ehlo501,
    /// MAIL is refused.
    MailRefused,
    /// Strangers are refused on any connector.
    MailUnauthenticated,
    /// It is another server, EX2, that answers.
    OtherServer,
    /// The clock in the NTLM challenge is 400 s ahead.
    NtlmClock,
    /// AUTH NTLM is announced and refused.
    NtlmRefused,
    /// Something else than a challenge answers the NTLM negotiate message.
    NtlmMalformed,
    /// It vanishes after EHLO: not a word more, and the connection stays.
    HalfOpen,
    /// QUIT is not answered.
    QuitSilent,
    /// STARTTLS is not announced.
    NoStarttls,
    /// X-ANONYMOUSTLS and X-EXPS are not announced.
    NoAnonymousTls,
    /// SIZE is not announced.
    NoSize,
    /// A firewall overwrites STARTTLS.
    Rewritten,
    /// A firewall overwrites a keyword, and not STARTTLS.
    RewrittenOther,
    /// STARTTLS is answered with 454.
    Starttls454,
    /// STARTTLS is answered with 554.
    Starttls554,
    /// STARTTLS is not answered.
    StarttlsSilent,
    /// Text behind the 220 to STARTTLS, in one write.
    StarttlsInjection,
    /// The same some time later.
    StarttlsInjectionLate,
    /// It closes instead of the handshake.
    TlsCloses,
    /// It never answers the ClientHello.
    TlsSilent,
    /// TLS 1.0 alone.
    Tls10,
    /// Its certificate is past its end.
    CertificateExpired,
    /// Its certificate is for another name.
    CertificateOtherName,
}

impl Behaviour {
    /// Every one, the healthy one first.
    pub const ALL: &[Self] = &[
        Self::Healthy,
        Self::BannerLate,
        Self::BannerMultiline,
        Self::BannerDrip,
        Self::Banner554,
        Self::BannerGarbage,
        Self::BannerNoCrlf,
        Self::BannerLfAlone,
        Self::BannerLongLine,
        Self::BannerEndless,
        Self::Http,
        Self::Ssh,
        Self::Rdp,
        Self::ImplicitTls,
        Self::Silent,
        Self::Closes,
        Self::Resets,
        Self::ExpectsProxy,
        Self::MaintenanceBanner,
        Self::Inactive,
        Self::Inactive412,
        Self::Draining,
        Self::ConnectionLimit,
        Self::ConnectionLimitPerSource,
        Self::RateLimit,
        Self::BackPressure,
        Self::BackPressureBanner,
        Self::BackPressureTarpit,
        Self::Prx2,
        Self::Cprx3,
        Self::Ehlo501,
        Self::MailRefused,
        Self::MailUnauthenticated,
        Self::OtherServer,
        Self::NtlmClock,
        Self::NtlmRefused,
        Self::NtlmMalformed,
        Self::HalfOpen,
        Self::QuitSilent,
        Self::NoStarttls,
        Self::NoAnonymousTls,
        Self::NoSize,
        Self::Rewritten,
        Self::RewrittenOther,
        Self::Starttls454,
        Self::Starttls554,
        Self::StarttlsSilent,
        Self::StarttlsInjection,
        Self::StarttlsInjectionLate,
        Self::TlsCloses,
        Self::TlsSilent,
        Self::Tls10,
        Self::CertificateExpired,
        Self::CertificateOtherName,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => crate::switch::HEALTHY,
            Self::BannerLate => "banner_late",
            Self::BannerMultiline => "banner_multiline",
            Self::BannerDrip => "banner_drip",
            Self::Banner554 => "banner_554",
            Self::BannerGarbage => "banner_garbage",
            Self::BannerNoCrlf => "banner_no_crlf",
            Self::BannerLfAlone => "banner_lf_alone",
            Self::BannerLongLine => "banner_long_line",
            Self::BannerEndless => "banner_endless",
            Self::Http => "http",
            Self::Ssh => "ssh",
            Self::Rdp => "rdp",
            Self::ImplicitTls => "implicit_tls",
            Self::Silent => "silent",
            Self::Closes => "closes",
            Self::Resets => "resets",
            Self::ExpectsProxy => "expects_proxy",
            Self::MaintenanceBanner => "maintenance_banner",
            Self::Inactive => "inactive",
            Self::Inactive412 => "inactive_412",
            Self::Draining => "draining",
            Self::ConnectionLimit => "connection_limit",
            Self::ConnectionLimitPerSource => "connection_limit_per_source",
            Self::RateLimit => "rate_limit",
            Self::BackPressure => "back_pressure",
            Self::BackPressureBanner => "back_pressure_banner",
            Self::BackPressureTarpit => "back_pressure_tarpit",
            Self::Prx2 => "prx2",
            Self::Cprx3 => "cprx3",
            Self::Ehlo501 => "ehlo_501",
            Self::MailRefused => "mail_refused",
            Self::MailUnauthenticated => "mail_unauthenticated",
            Self::OtherServer => "other_server",
            Self::NtlmClock => "ntlm_clock",
            Self::NtlmRefused => "ntlm_refused",
            Self::NtlmMalformed => "ntlm_malformed",
            Self::HalfOpen => "half_open",
            Self::QuitSilent => "quit_silent",
            Self::NoStarttls => "no_starttls",
            Self::NoAnonymousTls => "no_anonymoustls",
            Self::NoSize => "no_size",
            Self::Rewritten => "rewritten",
            Self::RewrittenOther => "rewritten_other",
            Self::Starttls454 => "starttls_454",
            Self::Starttls554 => "starttls_554",
            Self::StarttlsSilent => "starttls_silent",
            Self::StarttlsInjection => "starttls_injection",
            Self::StarttlsInjectionLate => "starttls_injection_late",
            Self::TlsCloses => "tls_closes",
            Self::TlsSilent => "tls_silent",
            Self::Tls10 => "tls_1_0",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateOtherName => "certificate_other_name",
        }
    }
}
