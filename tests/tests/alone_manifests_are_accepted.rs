//! The API server accepts every overlay, every component and the samples, and each component does what it is for.

use tokio::task::block_in_place;
use tracestamp_tests::{CertManager, Shared, Tree, shared};

/// What an overlay consists of beside the base, and what shows that each of its components took effect.
struct Overlay {
    name: &'static str,
    components: &'static [&'static str],
    more: &'static str,
    shows: &'static [&'static str],
    hides: &'static [&'static str],
}

/// The Secret and the authority that two components want.
const FILES: &str = "
secretGenerator:
  - name: tracestamp-webhook-tls
    namespace: tracestamp
    type: kubernetes.io/tls
    files: [ca.crt, tls.crt, tls.key]
    options: {disableNameSuffixHash: true}
configMapGenerator:
  - name: tracestamp-client-ca
    namespace: tracestamp
    files: [ca.crt]
";

/// Overlays of the components that those of the project leave out, in orders that no document names.
const MORE: &[Overlay] = &[
    Overlay {
        name: "rest",
        components: &["self-managed", "client-certificates", "api-server-only", "events", "events-lookup"],
        more: FILES,
        shows: &[
            "name: TRACESTAMP_CLIENT_CA",
            "mountPath: /etc/tracestamp/client-ca",
            "cidr: 192.0.2.0/24",
            "name: events.observe.tracestamp.dev",
            "TRACESTAMP_POD_EVENTS: \"true\"",
            "TRACESTAMP_POD_EVENTS_LOOKUP: 30s",
            "automountServiceAccountToken: true",
        ],
        hides: &[],
    },
    Overlay {
        name: "events-first",
        components: &["events-lookup", "events", "opt-in", "self-managed"],
        more: FILES,
        shows: &["name: events.observe.tracestamp.dev"],
        hides: &[],
    },
    Overlay {
        name: "events-last",
        components: &["self-managed", "opt-in", "events", "events-lookup"],
        more: FILES,
        shows: &["name: events.observe.tracestamp.dev"],
        hides: &[],
    },
    Overlay {
        name: "volume-first",
        components: &["persistent-spool", "client-certificates", "self-managed"],
        more: FILES,
        shows: &["kind: StatefulSet", "volumeClaimTemplates:", "name: TRACESTAMP_CLIENT_CA"],
        hides: &["kind: Deployment", "emptyDir"],
    },
    Overlay {
        name: "volume-last",
        components: &["self-managed", "client-certificates", "persistent-spool"],
        more: FILES,
        shows: &["kind: StatefulSet", "volumeClaimTemplates:", "name: TRACESTAMP_CLIENT_CA"],
        hides: &["kind: Deployment", "emptyDir"],
    },
    Overlay {
        name: "backfill",
        components: &["backfill"],
        more: "",
        shows: &["kind: CronJob", "suspend: true", "kind: ClusterRoleBinding"],
        hides: &[],
    },
];

/// What is there or not in overlays of the project, by components of theirs.
const OVERLAYS: &[(&str, &[&str], &[&str])] = &[
    ("kind", &["kind: Certificate", "cert-manager.io/inject-ca-from"], &["tracestamp.dev/inject: enabled"]),
    (
        "production",
        &["kind: PodMonitor", "kind: PrometheusRule", "grafana_dashboard", "name: tracestamp-monitoring"],
        &[],
    ),
    (
        "tenants",
        &["tracestamp.dev/inject: enabled", "kind: StatefulSet", "TRACESTAMP_TRACE_URL: https://grafana"],
        &["kind: Deployment"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_overlay_and_component_passes_the_api_servers_validation_and_needs_no_role() {
    let Some(shared) = shared() else { return };
    block_in_place(|| {
        let cert_manager = CertManager::start(&shared).unwrap();
        shared.install_crds(&shared.prometheus_module.join("example/prometheus-operator-crd")).unwrap();
        let tree = Tree::copy(&shared).unwrap();
        let mut overlays = tree.overlays().unwrap();
        overlays.sort();
        assert_eq!(overlays, OVERLAYS.iter().map(|(name, ..)| *name).collect::<Vec<_>>());
        for overlay in MORE {
            tree.add(overlay.name, &kustomization(overlay)).unwrap();
            tree.issue(overlay.name).unwrap();
        }
        // What lies in a namespace can only be tried in one that is there.
        let namespace = OwnNamespace::create(&shared, "tracestamp");
        let more = MORE.iter().map(|overlay| (overlay.name, overlay.shows, overlay.hides));
        for (overlay, shows, hides) in OVERLAYS.iter().copied().chain(more) {
            let rendered = tree.render(overlay).unwrap();
            for (parts, there) in [(shows, true), (hides, false)] {
                let wrong: Vec<_> = parts.iter().filter(|part| rendered.contains(**part) != there).collect();
                assert!(wrong.is_empty(), "{overlay} {} {wrong:?}", if there { "lacks" } else { "has" });
            }
            let roles = rendered.lines().filter(|line| line.starts_with("kind: ") && line.contains("Role")).count();
            let lines = |start: &str| rendered.lines().filter(|line| line.trim_start().starts_with(start)).count();
            // Two mutating webhooks, two validating ones and that of Events, wherever its component is listed.
            let (authorities, opted_in) = match overlay {
                "rest" => (5, 0),
                "events-first" | "events-last" => (5, 5),
                "volume-first" | "volume-last" => (4, 0),
                "tenants" => (0, 4),
                _ => (0, 0),
            };
            assert_eq!(lines("caBundle: "), authorities, "{overlay}");
            assert_eq!(lines("tracestamp.dev/inject: enabled"), opted_in, "{overlay}");
            let expected_roles = match overlay {
                "backfill" | "rest" | "events-first" | "events-last" => 2,
                _ => 0,
            };
            assert_eq!(roles, expected_roles, "{overlay}");
            let applied = dry_run(&shared, "apply", &rendered).unwrap_or_else(|error| panic!("{overlay}: {error:#}"));
            assert!(applied.contains("mutatingwebhookconfiguration"), "{overlay}: {applied}");
        }
        the_backfill_has_the_files_of_both_processes(&tree.render("backfill").unwrap());
        drop(namespace);
        drop(cert_manager);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_samples_pass_the_api_servers_validation_as_they_are() {
    let Some(shared) = shared() else { return };
    block_in_place(|| {
        let tree = Tree::copy(&shared).unwrap();
        let _namespace = OwnNamespace::create(&shared, "observability");
        for sample in ["backend", "tekton-tracing"] {
            let rendered = tree.render(&format!("../samples/{sample}")).unwrap();
            dry_run(&shared, "apply", &rendered).unwrap_or_else(|error| panic!("{sample}: {error:#}"));
        }
        let run = std::fs::read_to_string(tree.path("samples/pipelinerun.yaml")).unwrap();
        dry_run(&shared, "create", &run).unwrap();
    });
}

fn kustomization(overlay: &Overlay) -> String {
    let components = overlay.components.iter().map(|name| format!("  - ../../components/{name}\n"));
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base]\ncomponents:\n{}{}",
        components.collect::<String>(),
        overlay.more
    )
}

/// A setting that names a file names the same one there; without it the Job would end before it began.
fn the_backfill_has_the_files_of_both_processes(rendered: &str) {
    let job = rendered.split("\n---\n").find(|object| object.contains("kind: CronJob")).unwrap();
    let processes = rendered.split("\n---\n").find(|object| object.contains("kind: Deployment")).unwrap();
    let directories = processes.lines().filter_map(|line| Some(line.split_once("mountPath: /etc/tracestamp/")?.1));
    let named: Vec<_> = directories.filter(|directory| *directory != "tls").collect();
    assert!(named.len() >= 2, "{named:?}");
    for directory in named {
        assert!(job.contains(&format!("mountPath: /etc/tracestamp/{directory}\n")), "{directory} in {job}");
    }
}

fn dry_run(shared: &Shared, verb: &str, objects: &str) -> anyhow::Result<String> {
    let server_side: &[&str] = if verb == "apply" { &["--server-side"] } else { &[] };
    let arguments = [&[verb, "--dry-run=server", "--validate=strict", "-f", "-"], server_side].concat();
    shared.kubectl.run_with(&arguments, objects)
}

struct OwnNamespace<'a>(&'a Shared, &'static str);

impl<'a> OwnNamespace<'a> {
    fn create(shared: &'a Shared, name: &'static str) -> Self {
        shared.kubectl.run(&["create", "namespace", name]).unwrap();
        Self(shared, name)
    }
}

impl Drop for OwnNamespace<'_> {
    fn drop(&mut self) {
        let _ = self.0.kubectl.run(&["delete", "namespace", self.1]);
    }
}
