# What templates give in plain Ruby: an evaluation context of a few closures, that has nothing in common
# with the worker's. Reads a job's context and templates from its directory, prints JSON:
# {"NAME.erb": {"text": BASE64} or {"error": MESSAGE, "line": N}}.
#
#     ruby plain.rb jobs/postgres

%w[base64 digest erb ipaddr json openssl ostruct set shellwords tempfile time uri yaml].each { |library| require library }

# Of the libraries that a director's process has.
class Object
  def blank? = respond_to?(:empty?) ? empty? : !self
  def present? = !blank?
  def presence = (self if present?)
end

class String
  def blank? = strip.empty?
end

class Hash
  def deep_merge(other) = merge(other) { |_, a, b| a.is_a?(Hash) && b.is_a?(Hash) ? a.deep_merge(b) : b }
end

STRUCT = lambda do |value|
  case value
  when Hash then OpenStruct.new(value.transform_values(&STRUCT))
  when Array then value.map(&STRUCT)
  else value
  end
end

CHAIN = lambda do |taken, scope|
  Object.new.tap do |chain|
    chain.define_singleton_method(:else) { |&block| block.call unless taken }
    %i[else_if_p else_if_link].each do |name|
      chain.define_singleton_method(name) do |*arguments, &block|
        taken ? chain : scope.public_send(name.to_s.sub('else_', ''), *arguments, &block)
      end
    end
  end
end

# Gives an object `p` and `if_p` over properties.
LOOKUP = lambda do |object, properties|
  find = ->(name) { name.split('.').reduce(properties) { |at, key| at.is_a?(Hash) ? at[key] : nil } }
  object.define_singleton_method(:p) do |names, *default|
    found = Array(names).map(&find).find { |value| !value.nil? }
    next found unless found.nil?
    raise "Can't find property '#{Array(names).inspect}'" if default.empty?

    default.first
  end
  object.define_singleton_method(:if_p) do |*names, &block|
    values = names.map(&find)
    next CHAIN.call(false, self) if values.any?(&:nil?)

    block.call(*values)
    CHAIN.call(true, self)
  end
  object
end

ADDRESS = lambda do |names, criteria|
  azs = (criteria[:azs] || []).map { |az| "a#{names['az_ids'].fetch(az)}" }
  status = { nil => 's0', 'default' => 's0', 'unhealthy' => 's1', 'healthy' => 's3', 'all' => 's4' }.fetch(criteria[:status])
  query = 'q-' + [*azs, status].sort.join
  next "#{query}.q-g#{names['group_id']}.#{names['domain']}" if names['short']

  [query, *names.values_at('instance_group', 'network', 'deployment', 'domain')].join('.')
end

LINK = lambda do |values|
  link = LOOKUP.call(Object.new, values['properties'])
  link.define_singleton_method(:properties) { values['properties'] }
  link.define_singleton_method(:address) { |criteria = {}| values['address'] || ADDRESS.call(values['names'], criteria) }
  instances = values['instances'].map do |fields|
    one = LOOKUP.call(Object.new, values['properties'])
    %w[name index id az address bootstrap].each { |key| one.define_singleton_method(key) { fields[key] } }
    one
  end
  link.define_singleton_method(:instances) { instances }
  link
end

def scope(context)
  scope = LOOKUP.call(Object.new, context['properties'])
  links = context['links']
  {
    name: context['spec']['job']['name'],
    index: context['spec']['index'],
    properties: STRUCT.call(context['properties']),
    raw_properties: context['properties'],
    spec: STRUCT.call(context['spec'].merge('properties' => context['properties']))
  }.each { |key, value| scope.define_singleton_method(key) { value } }
  scope.define_singleton_method(:link) { |name| links[name] ? LINK.call(links[name]) : raise("Can't find link '#{name}'") }
  scope.define_singleton_method(:if_link) do |name, &block|
    next CHAIN.call(false, self) unless links[name]

    block.call(LINK.call(links[name]))
    CHAIN.call(true, self)
  end
  scope
end

# Where no local variable is in sight but this one.
def inside(scope_) = scope_.instance_eval { binding }

directory = ARGV.fetch(0)
rendered = Dir.children("#{directory}/templates").sort.to_h do |name|
  context = JSON.parse(File.read("#{directory}/context.json"))
  erb = ERB.new(File.read("#{directory}/templates/#{name}", encoding: 'UTF-8'), trim_mode: '-')
  erb.filename = name
  # A process of its own, so that no template sees what another did.
  reader, writer = IO.pipe
  child = fork do
    answer = begin
      { text: Base64.strict_encode64(erb.result(inside(scope(context)))) }
    rescue Exception => e
      { error: e.message, line: e.backtrace.grep(/\A#{Regexp.escape(name)}:/).first[/:(\d+)/, 1].to_i }
    end
    writer.write(JSON.generate(answer))
    exit!(0)
  end
  writer.close
  answer = JSON.parse(reader.read)
  Process.wait(child)
  [name, answer]
end
puts JSON.generate(rendered)
