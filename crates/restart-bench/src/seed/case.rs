use serde::Serialize;

/// A way to run the gateway (seed 003, `GATEWAY_CASES`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What `--case` takes.
    pub id: &'static str,
    /// What reports print.
    pub name: &'static str,
    /// What is set in the environment besides what is set for all cases.
    pub env: &'static [(&'static str, &'static str)],
    /// The plugins that are made for it.
    pub plugins: Option<Plugins>,
}

/// Plugins that do nothing but being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plugins {
    /// How many.
    pub count: u16,
    /// What their manifests say in `activation.onStartup`; without a value, nothing.
    pub on_startup: Option<bool>,
}

const SKIP_CHANNELS: (&str, &str) = ("OPENCLAW_SKIP_CHANNELS", "1");

const ACPX_PROBE: &str = "OPENCLAW_ACPX_RUNTIME_STARTUP_PROBE";

/// All cases. The first one is run if none is asked for.
pub const CASES: [Case; 5] = [
    Case {
        id: "skipChannels",
        name: "gateway restart, skip channels",
        env: &[SKIP_CHANNELS],
        plugins: None,
    },
    Case {
        id: "skipChannelsAcpxProbe",
        name: "gateway restart, skip channels, ACPX startup probe on",
        env: &[(ACPX_PROBE, "1"), SKIP_CHANNELS],
        plugins: None,
    },
    Case {
        id: "skipChannelsNoAcpxProbe",
        name: "gateway restart, skip channels, ACPX startup probe off",
        env: &[(ACPX_PROBE, "0"), SKIP_CHANNELS],
        plugins: None,
    },
    Case { id: "default", name: "gateway restart, default", env: &[], plugins: None },
    Case {
        id: "fiftyPlugins",
        name: "gateway restart, 50 manifest plugins",
        env: &[SKIP_CHANNELS],
        plugins: Some(Plugins { count: 50, on_startup: Some(true) }),
    },
];

/// A file that the gateway finds when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the root of the sample, with `/`.
    pub path: String,
    /// What is in it.
    pub content: String,
}

/// The files of `case` below `root`, an absolute path without `/` at its end: those of the plugins,
/// then `openclaw.json` (seed 003, `writeConfig`).
pub fn config_files(case: &Case, root: &str) -> Vec<File> {
    let ids: Option<Vec<_>> =
        case.plugins.map(|plugins| (1..=plugins.count).map(plugin_id).collect());
    let mut files: Vec<_> = case
        .plugins
        .iter()
        .flat_map(|plugins| ids.iter().flatten().flat_map(|id| plugin_files(id, *plugins)))
        .collect();
    let load = ids.is_some().then(|| Load { paths: [format!("{root}/plugins")] });
    let content = json(&Config::new(ids.as_deref(), load));
    files.push(File { path: "openclaw.json".to_owned(), content });
    files
}

fn plugin_id(number: u16) -> String {
    format!("bench-plugin-{number:02}")
}

fn plugin_files(id: &str, plugins: Plugins) -> [File; 2] {
    let manifest = Manifest {
        id,
        activation: plugins.on_startup.map(|on_startup| Activation { on_startup }),
        config_schema: ConfigSchema { kind: "object", additional_properties: false },
    };
    [
        File {
            path: format!("plugins/{id}/index.cjs"),
            content: format!("module.exports = {{ id: \"{id}\", register() {{}} }};\n"),
        },
        File { path: format!("plugins/{id}/openclaw.plugin.json"), content: json(&manifest) },
    ]
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("no map has keys but texts");
    text.push('\n');
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'c> {
    browser: Enabled,
    gateway: Gateway,
    plugins: PluginsConfig<'c>,
}

#[derive(Serialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Serialize)]
struct Mode {
    mode: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gateway {
    mode: &'static str,
    bind: &'static str,
    auth: Mode,
    control_ui: Enabled,
    tailscale: Mode,
}

#[derive(Serialize)]
struct PluginsConfig<'c> {
    enabled: bool,
    entries: Entries,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<&'c [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Load>,
}

#[derive(Serialize)]
struct Entries {
    browser: Enabled,
}

#[derive(Serialize)]
struct Load {
    paths: [String; 1],
}

impl<'c> Config<'c> {
    const fn new(allow: Option<&'c [String]>, load: Option<Load>) -> Self {
        const OFF: Enabled = Enabled { enabled: false };
        let gateway = Gateway {
            mode: "local",
            bind: "loopback",
            auth: Mode { mode: "none" },
            control_ui: OFF,
            tailscale: Mode { mode: "off" },
        };
        let entries = Entries { browser: OFF };
        let plugins = PluginsConfig { enabled: true, entries, allow, load };
        Self { browser: OFF, gateway, plugins }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'m> {
    id: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    activation: Option<Activation>,
    config_schema: ConfigSchema,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Activation {
    on_startup: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigSchema {
    #[serde(rename = "type")]
    kind: &'static str,
    additional_properties: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{
  "browser": {
    "enabled": false
  },
  "gateway": {
    "mode": "local",
    "bind": "loopback",
    "auth": {
      "mode": "none"
    },
    "controlUi": {
      "enabled": false
    },
    "tailscale": {
      "mode": "off"
    }
  },
  "plugins": {
    "enabled": true,
    "entries": {
      "browser": {
        "enabled": false
      }
    }
  }
}
"#;

    #[test]
    fn a_case_without_plugins_has_the_base_configuration_alone() {
        let file = File { path: "openclaw.json".to_owned(), content: PLAIN.to_owned() };
        assert_eq!(config_files(&CASES[0], "/r"), [file]);
    }

    #[test]
    fn plugins_are_allowed_by_name_and_loaded_from_the_parent_directory() {
        let files = config_files(&CASES[4], "/r");
        assert_eq!(files.len(), 101);
        assert_eq!(files[0].path, "plugins/bench-plugin-01/index.cjs");
        assert_eq!(
            files[0].content,
            "module.exports = { id: \"bench-plugin-01\", register() {} };\n"
        );
        assert_eq!(files[99].path, "plugins/bench-plugin-50/openclaw.plugin.json");
        assert_eq!(
            files[99].content,
            "{\n  \"id\": \"bench-plugin-50\",\n  \"activation\": {\n    \"onStartup\": true\n  },\n  \
             \"configSchema\": {\n    \"type\": \"object\",\n    \"additionalProperties\": false\n  }\n}\n"
        );
        let config: serde_json::Value = serde_json::from_str(&files[100].content).unwrap();
        assert_eq!(config["plugins"]["load"]["paths"], serde_json::json!(["/r/plugins"]));
        assert_eq!(config["plugins"]["allow"].as_array().unwrap().len(), 50);
        assert_eq!(config["plugins"]["allow"][49], "bench-plugin-50");
    }

    #[test]
    fn a_manifest_may_leave_activation_out() {
        let [_, manifest] = plugin_files("p", Plugins { count: 1, on_startup: None });
        assert!(!manifest.content.contains("activation"));
    }
}
