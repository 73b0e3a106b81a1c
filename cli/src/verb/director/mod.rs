//! The verbs of the bosh CLI, with its flags and its output, for any director.
//!
//! Each verb is a file with its `Arguments`; the table below gives it its name. Arguments of a verb
//! are only put together when it is the one that was called ([`clap::Command::defer`]), so that the
//! many verbs here cost the others nothing. Flags that all of them have may stand before the verb,
//! as in `warren -d zookeeper deploy`: [`flags_behind`] moves them.

mod change;
mod common;
mod console;
mod deploy_config;
mod described;
mod download;
mod hoist;
mod instances_table;
mod problem;
mod progress;
mod recovery_plan;
mod release_directory;
mod remote;
mod session;
mod template;
mod vars_store;
mod yaml_text;

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand};

use self::common::Common;
use self::session::Session;
use crate::failure::Failure;
use crate::output::Format;

pub use common::is_on;
pub use console::Console;
pub use hoist::{flags_behind, is_common_flag};
pub use problem::Problem;

macro_rules! verbs {
    ($($variant:ident $module:ident $name:literal [$($alias:literal),*] $about:literal $example:literal)*) => {
        $(mod $module;)*

        /// What to do.
        pub enum Verb {
            $(
                #[doc = $about]
                $variant(Box<Common>, Box<$module::Arguments>),
            )*
        }

        /// Every name of a verb here.
        const NAMES: &[&str] = &[$($name, $($alias,)*)*];

        impl Subcommand for Verb {
            fn augment_subcommands(command: Command) -> Command {
                command$(.subcommand(
                    Command::new($name)
                        .about($about)
                        .after_help(concat!("Example: warren ", $example))
                        .aliases({
                            const ALIASES: &[&str] = &[$($alias),*];
                            ALIASES.iter().copied()
                        })
                        .defer(|command| Common::augment_args($module::Arguments::augment_args(command))),
                ))*
            }

            fn augment_subcommands_for_update(command: Command) -> Command {
                Self::augment_subcommands(command)
            }

            fn has_subcommand(name: &str) -> bool {
                [$($name),*].contains(&name)
            }
        }

        impl FromArgMatches for Verb {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Self::from_arg_matches_mut(&mut matches.clone())
            }

            fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
                match matches.remove_subcommand() {
                    $(Some((name, mut found)) if name == $name => Ok(Verb::$variant(
                        Box::new(Common::from_arg_matches_mut(&mut found)?),
                        Box::new($module::Arguments::from_arg_matches_mut(&mut found)?),
                    )),)*
                    _ => Err(Error::new(clap::error::ErrorKind::InvalidSubcommand)),
                }
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Verb {
            /// Runs the verb; the answer is the exit code.
            pub fn run(self, format: Format) -> Result<u8, Failure> {
                match self {
                    $(Verb::$variant(common, arguments) => {
                        let is_json = format == Format::Json;
                        let mut console = Console::new(is_json, common.is_tty(), common.no_color);
                        console.choose(&common.column);
                        let mut session = Session::new(console, &common);
                        let result = arguments.run(&mut session);
                        let request = session.request_to_tell(&result);
                        let code = session.console.finish(result);
                        if let Some(id) = request {
                            session::tell_request(&id);
                        }
                        Ok(code)
                    })*
                }
            }
        }
    };
}

verbs! {
    AliasEnv alias_env "alias-env" [] "Give a director a name" "alias-env lab -e 192.0.2.1 --ca-cert ca.pem"
    AttachDisk attach_disk "attach-disk" [] "Give a stopped instance a disk" "attach-disk -d zookeeper zookeeper/ID DISK-CID"
    CancelTask cancel_task "cancel-task" ["ct"] "Cancel a task" "cancel-task 7"
    CancelTasks cancel_tasks "cancel-tasks" ["cts"] "Cancel many tasks" "cancel-tasks -d zookeeper --type=vms"
    CleanUp clean_up "clean-up" [] "Remove releases, stemcells and disks that nothing uses" "clean-up --all"
    CloudCheck cck "cloud-check" ["cck", "cloudcheck"] "Find and mend what is not as it should be" "cloud-check -d zookeeper --report"
    CloudConfig cloud_config "cloud-config" ["cc"] "Show the cloud config" "cloud-config"
    Config config "config" ["c"] "Show a config" "config 12"
    Configs configs "configs" ["cs"] "List configs" "configs --type=runtime"
    CpiConfig cpi_config "cpi-config" [] "Show the CPI config" "cpi-config"
    CreateRecoveryPlan create_recovery_plan "create-recovery-plan" [] "Choose what to do about each kind of problem, and write it down" "create-recovery-plan -d zookeeper plan.yml"
    Curl curl "curl" [] "Send any request to the director" "curl /info"
    DeleteConfig delete_config "delete-config" ["dc"] "Delete a config" "delete-config --type=runtime --name=dns"
    DeleteCpiConfig delete_cpi_config "delete-cpi-config" [] "Delete the CPI config" "delete-cpi-config"
    DeleteDeployment delete_deployment "delete-deployment" ["deld"] "Delete a deployment" "delete-deployment -d zookeeper"
    DeleteDisk delete_disk "delete-disk" [] "Delete a disk that no instance has" "delete-disk DISK-CID"
    DeleteNetwork delete_network "delete-network" [] "Delete a network that no deployment uses" "delete-network NAME"
    DeleteRelease delete_release "delete-release" ["delr"] "Delete a release" "delete-release zookeeper/1.0"
    DeleteSnapshot delete_snapshot "delete-snapshot" [] "Delete a snapshot" "delete-snapshot -d zookeeper SNAPSHOT-CID"
    DeleteSnapshots delete_snapshots "delete-snapshots" [] "Delete all snapshots of a deployment" "delete-snapshots -d zookeeper"
    DeleteStemcell delete_stemcell "delete-stemcell" ["dels"] "Delete a stemcell" "delete-stemcell NAME/1.1"
    DeleteVm delete_vm "delete-vm" [] "Delete a VM" "delete-vm VM-CID"
    Deploy deploy "deploy" ["d"] "Bring a deployment into the state of a manifest" "deploy -d zookeeper zookeeper.yml -o scale.yml -v count=5"
    Deployment deployment "deployment" ["dep"] "Show a deployment" "deployment -d zookeeper"
    Deployments deployments "deployments" ["ds", "deps"] "List deployments" "deployments"
    DiffConfig diff_config "diff-config" [] "Compare two configs" "diff-config --from-id=1 --to-content=cloud.yml"
    Disks disks "disks" [] "List disks that no instance has" "disks --orphaned"
    Env env "env" ["environment"] "Show the director that is meant, or what a shell must export for it" "env --export"
    Envs envs "envs" ["environments"] "List the directors that have names" "envs"
    Errands errands "errands" ["es"] "List errands" "errands -d zookeeper"
    Event event "event" [] "Show an event" "event 1200"
    Events events "events" [] "List what happened" "events --task=7"
    ExportRelease export_release "export-release" [] "Compile a release for a stemcell, and fetch it" "export-release -d zookeeper zookeeper/1.0 debian-bookworm/1.1"
    Ignore ignore "ignore" [] "Have deploys leave an instance as it is" "ignore -d zookeeper zookeeper/0"
    InspectLocalRelease inspect_local_release "inspect-local-release" [] "Show what is in a release tarball" "inspect-local-release zookeeper.tgz"
    InspectLocalStemcell inspect_local_stemcell "inspect-local-stemcell" [] "Show what a stemcell tarball is" "inspect-local-stemcell stemcell.tgz"
    InspectRelease inspect_release "inspect-release" [] "Show what is in a release of the director" "inspect-release zookeeper/1.0"
    Instances instances "instances" ["is", "ins"] "List instances" "instances -d zookeeper --ps"
    Interpolate interpolate "interpolate" ["int"] "Apply operations and variables to a document" "interpolate zookeeper.yml -v count=5 --path /name"
    Locks locks "locks" [] "List locks" "locks"
    LogIn log_in "log-in" ["l", "login"] "Log in to a director" "log-in -e lab"
    LogOut log_out "log-out" ["logout"] "Forget who logged in" "log-out -e lab"
    Logs logs "logs" [] "Fetch logs of instances; without a deployment, show those of a name that 'tree' shows" "logs -d zookeeper zookeeper/0"
    Manifest manifest "manifest" ["man"] "Show the manifest of a deployment" "manifest -d zookeeper"
    Networks networks "networks" [] "List networks that no deployment uses" "networks --orphaned"
    OrphanDisk orphan_disk "orphan-disk" [] "Take a disk from its instance, and keep it" "orphan-disk DISK-CID"
    OrphanedVms orphaned_vms "orphaned-vms" [] "List VMs whose places others have taken" "orphaned-vms"
    Pcap pcap "pcap" [] "Capture packets on instances" "pcap -d zookeeper zookeeper/0 --filter='tcp port 2181' --output=zookeeper.pcap"
    Recover recover "recover" [] "Do about problems what a recovery plan says" "recover -d zookeeper plan.yml"
    Recreate recreate "recreate" [] "Make VMs of instances anew" "recreate -d zookeeper zookeeper/0"
    Releases releases "releases" ["rs"] "List releases" "releases"
    RepackStemcell repack_stemcell "repack-stemcell" [] "Write a stemcell again with another name or other properties" "repack-stemcell --version=1.2 stemcell.tgz repacked.tgz"
    Restart restart "restart" [] "Restart instances" "restart -d zookeeper zookeeper/0"
    RunErrand run_errand "run-errand" [] "Run an errand" "run-errand -d zookeeper smoke-tests"
    RuntimeConfig runtime_config "runtime-config" ["rc"] "Show a runtime config" "runtime-config --name=dns"
    Scp scp "scp" [] "Copy files to or from instances" "scp -d zookeeper zookeeper/0:/var/vcap/sys/log/zookeeper/zookeeper.log ."
    Snapshots snapshots "snapshots" [] "List snapshots" "snapshots -d zookeeper"
    Ssh ssh "ssh" [] "Open a shell on an instance, or run a command on instances" "ssh -d zookeeper zookeeper/0 -c 'uptime'"
    Start start "start" [] "Start instances; without a deployment, all of this machine's own environment" "start -d zookeeper zookeeper"
    Stemcells stemcells "stemcells" ["ss"] "List stemcells" "stemcells"
    Stop stop "stop" [] "Stop instances; without a deployment, all of this machine's own environment" "stop -d zookeeper zookeeper/0 --hard"
    TakeSnapshot take_snapshot "take-snapshot" [] "Make snapshots of disks" "take-snapshot -d zookeeper zookeeper/0"
    Task task "task" ["t"] "Show a task, and follow it to its end" "task 7 --debug"
    Tasks tasks "tasks" ["ts"] "List tasks" "tasks --recent=10"
    UnaliasEnv unalias_env "unalias-env" [] "Take a director's name away" "unalias-env lab"
    Unignore unignore "unignore" [] "Have deploys care for an instance again" "unignore -d zookeeper zookeeper/0"
    UpdateCloudConfig update_cloud_config "update-cloud-config" ["ucc"] "Give a new cloud config" "update-cloud-config cloud.yml"
    UpdateConfig update_config "update-config" ["uc"] "Give a new config of any type" "update-config --type=cloud --name=more more.yml"
    UpdateCpiConfig update_cpi_config "update-cpi-config" [] "Give a new CPI config" "update-cpi-config cpi.yml"
    UpdateResurrection update_resurrection "update-resurrection" [] "Have machines that are gone made again, or not" "update-resurrection off"
    UpdateRuntimeConfig update_runtime_config "update-runtime-config" ["urc"] "Give a new runtime config" "update-runtime-config --name=dns dns.yml"
    UploadRelease upload_release "upload-release" ["ur"] "Upload a release" "upload-release zookeeper.tgz"
    UploadStemcell upload_stemcell "upload-stemcell" ["us"] "Upload a stemcell" "upload-stemcell stemcell.tgz"
    Variables variables "variables" ["vars"] "List variables of a deployment" "variables -d zookeeper"
    Vms vms "vms" [] "List VMs" "vms --vitals"
}
