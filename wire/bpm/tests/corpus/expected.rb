# What each file of `files` says, read by Ruby's YAML grammar (no values of its own: texts are as they are
# written) and put into bpm's fields. Prints JSON: {"NAME": {"processes": [..]}}.

require 'json'
require 'psych'

# A scalar's text, or nil for null.
def text(node)
  return nil if node.nil?
  node.plain && ['', '~', 'null', 'Null', 'NULL'].include?(node.value) ? nil : node.value
end

def string(node) = text(node) || ''
def bool(node) = %w[y yes on true].include?(string(node).downcase)
def number(node) = text(node)&.then { |text| Integer(text.delete_prefix('+'), 10) }
def list(node) = node.is_a?(Psych::Nodes::Sequence) ? node.children.map { |each| resolve(each) } : []

def resolve(node)
  node.is_a?(Psych::Nodes::Alias) ? $anchors.fetch(node.anchor) : node
end

def map(node)
  node = resolve(node)
  return {} unless node.is_a?(Psych::Nodes::Mapping)
  node.children.each_slice(2).to_h { |key, value| [key.value, resolve(value)] }
end

def volume(node)
  fields = map(node)
  { path: string(fields['path']) }.merge(
    %w[writable allow_executions mount_only shared].to_h { |key| [key, bool(fields[key])] }
  )
end

def process(node)
  f = map(node)
  limits = map(f['limits'])
  unsafe = map(f['unsafe'])
  said = {
    name: string(f['name']), executable: string(f['executable']),
    args: list(f['args']).map { |each| string(each) },
    env: map(f['env']).transform_values { |each| string(each) },
    workdir: string(f['workdir']),
    capabilities: list(f['capabilities']).map { |each| string(each) },
    limits: {
      memory: text(limits['memory']), open_files: number(limits['open_files']),
      core_file_size: number(limits['core_file_size']), processes: number(limits['processes'])
    }.compact,
    ephemeral_disk: bool(f['ephemeral_disk']), persistent_disk: bool(f['persistent_disk']),
    additional_volumes: list(f['additional_volumes']).map { |each| volume(each) },
    shutdown_signal: string(f['shutdown_signal']),
    unsafe: {
      privileged: bool(unsafe['privileged']), host_pid_namespace: bool(unsafe['host_pid_namespace']),
      unrestricted_volumes: list(unsafe['unrestricted_volumes']).map { |each| volume(each) }
    }
  }
  said[:hooks] = { pre_start: string(map(f['hooks'])['pre_start']) } if f['hooks'].is_a?(Psych::Nodes::Mapping)
  said
end

expected = Dir["#{__dir__}/files/*.yml"].sort.to_h do |path|
  document = Psych.parse_stream(File.read(path, encoding: 'BOM|UTF-8')).children.first
  $anchors = {}
  document&.each { |node| $anchors[node.anchor] = node if node.respond_to?(:anchor) && node.anchor && !node.is_a?(Psych::Nodes::Alias) }
  root = document && map(document.root)
  [File.basename(path, '.yml'), { processes: list(root && root['processes']).map { |each| process(each) } }]
end
puts JSON.pretty_generate(expected)
