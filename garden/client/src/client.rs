//! One method for each call.

use std::io::Read;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use warren_wire_garden as wire;
use wire::container::{
    Capacity, ContainerSpec, CreateResponse, ListResponse, Properties, PropertyValue, StopRequest,
};
use wire::info::{BulkInfoResponse, ContainerInfo};
use wire::json::{self, Empty};
use wire::limits::{BandwidthLimits, CpuLimits, DiskLimits, MemoryLimits};
use wire::metrics::{BulkMetricsResponse, Metrics};
use wire::network::{NetIn, NetInRequest, NetOutRule};
use wire::number::Nanoseconds;
use wire::process::ProcessSpec;
use wire::route::{Params, Query, Route};

use crate::http::{Call, Sent};
use crate::process::{Process, Streams, start};
use crate::stream::Server;
use crate::{Body, Error, Target, Tls};

/// A Garden server, as seen from here. Holds no connection; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    server: Server,
}

/// Every method talks to the server and fails with [`Error`].
#[expect(clippy::missing_errors_doc, reason = "said once, above")]
impl Client {
    /// Of the server at `target`; nothing is sent yet. TLS is as [`Tls::default`].
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            server: Server::plain(target),
        }
    }

    /// Of the server at `target`, which counts only if it is a [`Target::Tls`]. The files are read
    /// now; nothing is sent yet.
    pub fn with_tls(target: Target, tls: &Tls) -> Result<Self, Error> {
        let server = Server::new(target, Some(tls))?;
        Ok(Self { server })
    }

    /// Where the server is.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.server.target
    }

    /// Whether the server is well.
    pub fn ping(&self) -> Result<(), Error> {
        self.get::<Empty>(Route::Ping, &Params::new(), &Query::default())?;
        Ok(())
    }

    /// What the server's machine offers.
    pub fn capacity(&self) -> Result<Capacity, Error> {
        self.get(Route::Capacity, &Params::new(), &Query::default())
    }

    /// Makes a container; the answer is its handle.
    pub fn create(&self, spec: &ContainerSpec) -> Result<String, Error> {
        let answer: CreateResponse = self.send(Route::Create, &Params::new(), spec)?;
        Ok(answer.handle)
    }

    /// Handles of the containers that have all these properties.
    pub fn list(&self, properties: &Properties) -> Result<Vec<String>, Error> {
        let query = Query::of_filter(properties);
        let answer: ListResponse = self.get(Route::List, &Params::new(), &query)?;
        Ok(answer.handles)
    }

    /// Whether there is such a container. The API has no call for one; all are listed.
    pub fn exists(&self, handle: &str) -> Result<bool, Error> {
        let handles = self.list(&Properties::new())?;
        Ok(handles.iter().any(|known| known == handle))
    }

    /// Removes a container.
    pub fn destroy(&self, handle: &str) -> Result<(), Error> {
        self.void(Route::Destroy, &Params::handle(handle), Sent::Nothing)
    }

    /// Ends a container's processes; `kill` at once.
    pub fn stop(&self, handle: &str, kill: bool) -> Result<(), Error> {
        let request = StopRequest { kill };
        self.put(Route::Stop, &Params::handle(handle), &request)
    }

    /// About a container.
    pub fn info(&self, handle: &str) -> Result<ContainerInfo, Error> {
        self.get(Route::Info, &Params::handle(handle), &Query::default())
    }

    /// About several containers; each has an error of its own.
    pub fn bulk_info<S: AsRef<str>>(&self, handles: &[S]) -> Result<BulkInfoResponse, Error> {
        let query = Query::of_handles(handles);
        self.get(Route::BulkInfo, &Params::new(), &query)
    }

    /// What a container uses.
    pub fn metrics(&self, handle: &str) -> Result<Metrics, Error> {
        self.get(Route::Metrics, &Params::handle(handle), &Query::default())
    }

    /// What several containers use; each has an error of its own.
    pub fn bulk_metrics<S: AsRef<str>>(&self, handles: &[S]) -> Result<BulkMetricsResponse, Error> {
        let query = Query::of_handles(handles);
        self.get(Route::BulkMetrics, &Params::new(), &query)
    }

    /// Unpacks an uncompressed tar in the container, as `user` (empty: root). A relative
    /// destination starts from that user's home.
    pub fn stream_in(
        &self,
        handle: &str,
        user: &str,
        destination: &str,
        mut tar: impl Read,
    ) -> Result<(), Error> {
        let query = Query::of_stream_in(user, destination);
        let call = Call::new(Route::StreamIn, &Params::handle(handle), &query)?;
        let body = call.make(&self.server, Sent::Tar(&mut tar))?;
        call.whole(body).map(|_| ())
    }

    /// A path of the container as tar, read as `user` (empty: root). Entries are called `b/...` for
    /// `/a/b` and `./...` for `/a/b/`.
    pub fn stream_out(&self, handle: &str, user: &str, source: &str) -> Result<Body, Error> {
        let query = Query::of_stream_out(user, source);
        let call = Call::new(Route::StreamOut, &Params::handle(handle), &query)?;
        call.make(&self.server, Sent::Nothing)
    }

    /// Bandwidth limits; stock servers have none.
    pub fn bandwidth_limits(&self, handle: &str) -> Result<BandwidthLimits, Error> {
        let route = Route::CurrentBandwidthLimits;
        self.get(route, &Params::handle(handle), &Query::default())
    }

    /// Processor limits.
    pub fn cpu_limits(&self, handle: &str) -> Result<CpuLimits, Error> {
        let route = Route::CurrentCPULimits;
        self.get(route, &Params::handle(handle), &Query::default())
    }

    /// Disk limits; stock servers tell none.
    pub fn disk_limits(&self, handle: &str) -> Result<DiskLimits, Error> {
        let route = Route::CurrentDiskLimits;
        self.get(route, &Params::handle(handle), &Query::default())
    }

    /// Memory limit.
    pub fn memory_limits(&self, handle: &str) -> Result<MemoryLimits, Error> {
        let route = Route::CurrentMemoryLimits;
        self.get(route, &Params::handle(handle), &Query::default())
    }

    /// Maps a port of the host into the container. 0 as host port takes a free one, 0 as
    /// container port the same as the host's.
    pub fn net_in(&self, handle: &str, host: u32, container: u32) -> Result<NetIn, Error> {
        let wanted = NetIn {
            host_port: host,
            container_port: container,
            ..NetIn::default()
        };
        self.map(handle, &wanted)
    }

    /// As [`net_in`](Self::net_in), also for UDP: who maps TCP alone answers with that.
    pub fn map(&self, handle: &str, wanted: &NetIn) -> Result<NetIn, Error> {
        let request = NetInRequest {
            handle: handle.to_owned(),
            host_port: wanted.host_port,
            container_port: wanted.container_port,
            protocol: wanted.protocol,
        };
        self.send(Route::NetIn, &Params::handle(handle), &request)
    }

    /// Allows traffic out of the container.
    pub fn net_out(&self, handle: &str, rule: &NetOutRule) -> Result<(), Error> {
        self.put(Route::NetOut, &Params::handle(handle), rule)
    }

    /// Allows several kinds of traffic out of the container.
    pub fn bulk_net_out(&self, handle: &str, rules: &[NetOutRule]) -> Result<(), Error> {
        self.put(Route::BulkNetOut, &Params::handle(handle), rules)
    }

    /// Has the container destroyed when no client has used it for so long; 0 for never.
    pub fn set_grace_time(&self, handle: &str, time: Duration) -> Result<(), Error> {
        let time = Nanoseconds::from(time);
        self.put(Route::SetGraceTime, &Params::handle(handle), &time)
    }

    /// All properties of the container.
    pub fn properties(&self, handle: &str) -> Result<Properties, Error> {
        let answer: Option<Properties> = self.get(
            Route::Properties,
            &Params::handle(handle),
            &Query::default(),
        )?;
        Ok(answer.unwrap_or_default())
    }

    /// One property of the container.
    pub fn property(&self, handle: &str, key: &str) -> Result<String, Error> {
        let params = Params::handle(handle).with("key", key);
        let answer: PropertyValue = self.get(Route::Property, &params, &Query::default())?;
        Ok(answer.value)
    }

    /// Sets a property of the container.
    pub fn set_property(&self, handle: &str, key: &str, value: &str) -> Result<(), Error> {
        let params = Params::handle(handle).with("key", key);
        let value = PropertyValue {
            value: value.to_owned(),
        };
        self.put(Route::SetProperty, &params, &value)
    }

    /// Removes a property of the container; one that is not there is no error.
    pub fn remove_property(&self, handle: &str, key: &str) -> Result<(), Error> {
        let params = Params::handle(handle).with("key", key);
        self.void(Route::RemoveProperty, &params, Sent::Nothing)
    }

    /// Starts a process. It has been executed when this returns, and runs on whatever becomes of
    /// the [`Process`].
    pub fn run(
        &self,
        handle: &str,
        process: &ProcessSpec,
        streams: Streams,
    ) -> Result<Process, Error> {
        let call = Call::new(Route::Run, &Params::handle(handle), &Query::default())?;
        let body = encode(&call, process)?;
        let control = call.take_over(&self.server, Some(&body))?;
        start(&self.server, handle, control, streams)
    }

    /// Attaches to a process: its output from now on, and its end.
    pub fn attach(&self, handle: &str, id: &str, streams: Streams) -> Result<Process, Error> {
        let params = Params::handle(handle).with("pid", id);
        let call = Call::new(Route::Attach, &params, &Query::default())?;
        let control = call.take_over(&self.server, None)?;
        start(&self.server, handle, control, streams)
    }

    fn get<T: DeserializeOwned>(
        &self,
        route: Route,
        params: &Params,
        query: &Query,
    ) -> Result<T, Error> {
        let call = Call::new(route, params, query)?;
        let body = call.make(&self.server, Sent::Nothing)?;
        decode(&call, body)
    }

    fn send<T: DeserializeOwned>(
        &self,
        route: Route,
        params: &Params,
        request: &(impl Serialize + ?Sized),
    ) -> Result<T, Error> {
        let call = Call::new(route, params, &Query::default())?;
        let json = encode(&call, request)?;
        let body = call.make(&self.server, Sent::Json(json))?;
        decode(&call, body)
    }

    /// A request with an answer that says nothing.
    fn put(
        &self,
        route: Route,
        params: &Params,
        request: &(impl Serialize + ?Sized),
    ) -> Result<(), Error> {
        let call = Call::new(route, params, &Query::default())?;
        let json = encode(&call, request)?;
        let body = call.make(&self.server, Sent::Json(json))?;
        call.whole(body).map(|_| ())
    }

    fn void(&self, route: Route, params: &Params, sent: Sent<'_>) -> Result<(), Error> {
        let call = Call::new(route, params, &Query::default())?;
        let body = call.make(&self.server, sent)?;
        call.whole(body).map(|_| ())
    }
}

fn encode(call: &Call, request: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Error> {
    json::encode(request).map_err(|source| Error::Encode {
        call: call.name(),
        source,
    })
}

fn decode<T: DeserializeOwned>(call: &Call, body: Body) -> Result<T, Error> {
    let bytes = call.whole(body)?;
    json::decode(&bytes).map_err(|source| Error::Answer {
        call: call.name(),
        source,
    })
}
