# Renders job templates: one JSON request a line in, one JSON answer a line out.
#
# What a template sees (spec, p, if_p, link, if_link and so on), its messages included, is the public
# interface of BOSH job templates. The worker is started in a sandbox and keeps nothing between
# requests but compiled templates.

# The protocol has a descriptor of its own, so that a template that prints harms nobody.
ANSWERS = $stdout.dup
ANSWERS.sync = true
$stdout.reopen($stderr)

require 'base64'
require 'date'
require 'digest'
require 'erb'
require 'forwardable'
require 'ipaddr'
require 'json'
require 'openssl'
require 'ostruct'
require 'securerandom'
require 'set'
require 'shellwords'
require 'tempfile'
require 'time'
require 'tmpdir'
require 'uri'
require 'yaml'

# What releases have come to expect of the director's process.
class Object
  def blank?
    respond_to?(:empty?) ? !!empty? : !self
  end

  def present?
    !blank?
  end

  def presence
    self if present?
  end
end

class String
  def blank?
    !!match?(/\A[[:space:]]*\z/)
  end
end

class Numeric
  def blank?
    false
  end
end

class Hash
  unless method_defined?(:deep_merge)
    def deep_merge(other, &block)
      merge(other) do |key, mine, theirs|
        if mine.is_a?(Hash) && theirs.is_a?(Hash)
          mine.deep_merge(theirs, &block)
        else
          block ? block.call(key, mine, theirs) : theirs
        end
      end
    end
  end
end

module Lookup
  def lookup(properties, name)
    name.to_s.split('.').inject(properties) do |value, key|
      return nil unless value.is_a?(Hash)

      value[key]
    end
  end
  module_function :lookup
end

class UnknownProperty < StandardError
  def initialize(names)
    super("Can't find property '#{names.inspect}'")
  end
end

class UnknownLink < StandardError
  def initialize(name)
    super("Can't find link '#{name}'")
  end
end

# What else is asked of if_p and if_link.
class Taken
  def else; end

  def else_if_p(*)
    self
  end

  def else_if_link(*)
    self
  end
end

class NotTaken
  def initialize(context)
    @context = context
  end

  def else
    yield
  end

  def else_if_p(*names, &block)
    @context.if_p(*names, &block)
  end

  def else_if_link(name, &block)
    @context.if_link(name, &block)
  end
end

module Properties
  def p(*arguments)
    names = Array(arguments[0])
    names.each do |name|
      value = Lookup.lookup(property_values, name)
      return value unless value.nil?
    end
    return arguments[1] if arguments.length == 2

    raise UnknownProperty, names
  end

  def if_p(*names)
    values = names.map do |name|
      value = Lookup.lookup(property_values, name)
      return NotTaken.new(self) if value.nil?

      value
    end
    yield(*values)
    Taken.new
  end
end

class LinkInstance
  include Properties

  attr_reader :name, :index, :id, :az, :address, :properties, :bootstrap

  def initialize(values, properties)
    @name = values['name']
    @index = values['index']
    @id = values['id']
    @az = values['az']
    @address = values['address']
    @bootstrap = values['bootstrap']
    @properties = properties
  end

  private

  def property_values
    @properties
  end
end

# Names of groups of instances, as queries of BOSH DNS.
class Names
  STATUS = { 'default' => '0', 'unhealthy' => '1', 'healthy' => '3', 'all' => '4' }.freeze

  def initialize(values)
    @values = values || {}
  end

  def encode(criteria)
    parts = []
    Array(criteria[:azs]).each do |az|
      id = (@values['az_ids'] || {})[az]
      raise "Unknown AZ: #{az}" unless id

      parts << "a#{id}"
    end
    if criteria[:uuid]
      id = (@values['instance_ids'] || {})[criteria[:uuid]]
      raise "Unknown instance: #{criteria[:uuid]}" unless id

      parts << "m#{id}"
    end
    parts << "n#{@values['network_id']}" if short? && criteria[:uuid]
    status = STATUS[criteria[:status] || 'default']
    raise "Unknown status: #{criteria[:status]}" unless status

    parts << "s#{status}"
    parts << { 'asynchronous' => 'y0', 'synchronous' => 'y1' }[criteria[:initial_health_check]] if criteria[:initial_health_check]
    slug = parts.sort.join
    if short?
      "q-#{slug}.q-g#{@values['group_id']}.#{@values['domain']}"
    else
      "q-#{slug}.#{@values['instance_group']}.#{@values['network']}.#{@values['deployment']}.#{@values['domain']}"
    end
  end

  private

  def short?
    @values['short']
  end
end

class Link
  include Properties

  attr_reader :instances, :properties

  def initialize(values)
    @properties = values['properties'] || {}
    @instances = (values['instances'] || []).map { |instance| LinkInstance.new(instance, @properties) }
    @address = values['address']
    @names = values['names']
  end

  # The address of all instances together; one written by hand in the manifest is as it is.
  def address(criteria = {})
    return @address if @address
    raise NotImplementedError, 'link.address requires bosh-dns' unless @names

    Names.new(@names).encode(criteria)
  end

  private

  def property_values
    @properties
  end
end

class Context
  include Properties

  attr_reader :name, :index, :properties, :raw_properties, :spec

  def initialize(request)
    @raw_spec = request['spec'] || {}
    @name = @raw_spec['job'].is_a?(Hash) ? @raw_spec['job']['name'] : nil
    @index = @raw_spec['index']
    @raw_properties = request['properties'] || {}
    @properties = open(@raw_properties)
    @spec = open(@raw_spec.merge('properties' => @raw_properties))
    @links = request['links'] || {}
  end

  def link(name)
    values = @links[name.to_s]
    raise UnknownLink, name if values.nil?

    Link.new(values)
  end

  def if_link(name)
    values = @links[name.to_s]
    return NotTaken.new(self) if values.nil?

    yield Link.new(values)
    Taken.new
  end

  def get_binding
    binding
  end

  private

  def property_values
    @raw_properties
  end

  def open(value)
    case value
    when Hash
      value.each_with_object(OpenStruct.new) { |(key, inner), struct| struct[key] = open(inner) }
    when Array
      value.map { |inner| open(inner) }
    else
      value
    end
  end
end

COMPILED = {}

def compiled(text)
  key = Digest::SHA1.digest(text)
  COMPILED.clear if COMPILED.size > 4096
  COMPILED[key] ||= ERB.new(text, trim_mode: '-').src
end

def text_of(template)
  bytes = template['base64'] ? Base64.strict_decode64(template['base64']) : template['text']
  bytes.dup.force_encoding(Encoding::UTF_8)
end

def packed(bytes)
  text = bytes.dup.force_encoding(Encoding::UTF_8)
  text.valid_encoding? ? { 'text' => text } : { 'base64' => Base64.strict_encode64(bytes) }
end

def line_of(error, file)
  if error.is_a?(SyntaxError) && (found = error.message[/#{Regexp.escape(file)}:(\d+)/, 1])
    return found.to_i
  end
  place = (error.backtrace || []).find { |line| line.start_with?("#{file}:") }
  place && place[/:(\d+)/, 1].to_i
end

def render(template, request)
  # Each file has a context of its own: what one template sets no other sees.
  context = Context.new(request)
  # ERB puts a line of its own before the template's first.
  packed(eval(compiled(text_of(template)), context.get_binding, template['name'], 0).to_s)
rescue Exception => e
  raise if e.is_a?(NoMemoryError) || e.is_a?(Interrupt)

  { 'error' => e.message.dup.force_encoding(Encoding::UTF_8).scrub, 'line' => line_of(e, template['name']) }
end

ANSWERS.puts(JSON.generate('ruby' => RUBY_VERSION))
$stdin.each_line do |line|
  request = JSON.parse(line, max_nesting: false)
  files = request['templates'].map { |template| render(template, request) }
  ANSWERS.puts(JSON.generate({ 'files' => files }, max_nesting: false))
end
