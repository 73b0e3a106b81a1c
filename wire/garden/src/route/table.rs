//! The table of routes, in the order in which they are tried.

use std::fmt;

/// A method that a route may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`; such routes answer `HEAD` as well.
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// The method's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The call.
    pub route: Route,
    /// Its name, as logs and clients have it.
    pub name: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path; a segment `:name` is a parameter.
    pub pattern: &'static str,
}

impl Entry {
    /// Names of the path's parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &'static str> {
        self.pattern
            .split('/')
            .filter_map(|segment| segment.strip_prefix(':'))
    }
}

macro_rules! routes {
    ($($(#[$about:meta])* $route:ident $method:ident $pattern:literal,)+) => {
        /// Every call of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Route {
            $($(#[$about])* $route,)+
        }

        /// Every route, in the order in which they are tried.
        pub const TABLE: &[Entry] = &[
            $(Entry {
                route: Route::$route,
                name: stringify!($route),
                method: Method::$method,
                pattern: $pattern,
            },)+
        ];

        impl Route {
            /// The route's line in the table.
            #[must_use]
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$route => Entry {
                        route: Self::$route,
                        name: stringify!($route),
                        method: Method::$method,
                        pattern: $pattern,
                    },)+
                }
            }
        }
    };
}

routes! {
    /// Is the server well?
    Ping Get "/ping",
    /// What the machine offers.
    Capacity Get "/capacity",
    /// Handles of containers with the given properties.
    List Get "/containers",
    /// Make a container.
    Create Post "/containers",
    /// About one container.
    Info Get "/containers/:handle/info",
    /// About several containers.
    BulkInfo Get "/containers/bulk_info",
    /// Use of several containers.
    BulkMetrics Get "/containers/bulk_metrics",
    /// Remove a container.
    Destroy Delete "/containers/:handle",
    /// End a container's processes.
    Stop Put "/containers/:handle/stop",
    /// Unpack a tar into a container.
    StreamIn Put "/containers/:handle/files",
    /// Pack a path of a container as tar.
    StreamOut Get "/containers/:handle/files",
    /// Bandwidth limits; always empty.
    CurrentBandwidthLimits Get "/containers/:handle/limits/bandwidth",
    /// Processor limits.
    CurrentCPULimits Get "/containers/:handle/limits/cpu",
    /// Disk limits; always empty.
    CurrentDiskLimits Get "/containers/:handle/limits/disk",
    /// Memory limit.
    CurrentMemoryLimits Get "/containers/:handle/limits/memory",
    /// Map a port into a container.
    NetIn Post "/containers/:handle/net/in",
    /// Allow traffic out of a container.
    NetOut Post "/containers/:handle/net/out",
    /// Allow several kinds of traffic out of a container.
    BulkNetOut Post "/containers/:handle/net/out/bulk",
    /// Output of a process; takes over the connection.
    Stdout Get "/containers/:handle/processes/:pid/attaches/:streamid/stdout",
    /// Error output of a process; takes over the connection.
    Stderr Get "/containers/:handle/processes/:pid/attaches/:streamid/stderr",
    /// Start a process; takes over the connection.
    Run Post "/containers/:handle/processes",
    /// Attach to a process; takes over the connection.
    Attach Get "/containers/:handle/processes/:pid",
    /// How long a container may stay without a client.
    SetGraceTime Put "/containers/:handle/grace_time",
    /// All properties.
    Properties Get "/containers/:handle/properties",
    /// One property.
    Property Get "/containers/:handle/properties/:key",
    /// Set a property.
    SetProperty Put "/containers/:handle/properties/:key",
    /// Remove a property.
    RemoveProperty Delete "/containers/:handle/properties/:key",
    /// Use of one container.
    Metrics Get "/containers/:handle/metrics",
}

impl Route {
    /// Whether an answer takes over the connection: what follows the head is
    /// raw (see [`crate::hijack`]).
    #[must_use]
    pub const fn takes_over(self) -> bool {
        matches!(self, Self::Run | Self::Attach | Self::Stdout | Self::Stderr)
    }

    /// The status code of success.
    #[must_use]
    pub const fn success(self) -> u16 {
        if matches!(self, Self::Run) { 201 } else { 200 }
    }
}
