# Renders job templates: one JSON request a line in, one JSON answer a line out.
#
# What a template sees (spec, p, if_p, link, if_link and so on), its messages included, is the public
# interface of BOSH job templates.
#
# A template may be any program, so nothing that has run one is used again. As the first process of a
# pid namespace the worker copies itself for each request, and the copy reads it, renders and ends;
# elsewhere it serves one request itself and ends. See src/worker.rs for the wire.

# The protocol has descriptors of its own, so that a template that prints harms nobody.
ANSWERS = $stdout.dup
ANSWERS.binmode
ANSWERS.sync = true
$stdout.reopen($stderr)
CONTROL = IO.for_fd(0, 'r+b', autoclose: false)
CONTROL.sync = true

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
    @properties = openstruct(@raw_properties)
    @spec = openstruct(@raw_spec.merge('properties' => @raw_properties))
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

  # Not called like anything of Ruby's: templates may want that.
  def openstruct(value)
    case value
    when Hash
      value.each_with_object(OpenStruct.new) { |(key, inner), struct| struct[key] = openstruct(inner) }
    when Array
      value.map { |inner| openstruct(inner) }
    else
      value
    end
  end
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
  source = ERB.new(text_of(template), trim_mode: '-').src
  # ERB puts a line of its own before the template's first.
  packed(eval(source, context.get_binding, template['name'], 0).to_s)
rescue Exception => e
  { 'error' => e.message.dup.force_encoding(Encoding::UTF_8).scrub, 'line' => line_of(e, template['name']) }
end

# A template starts no process. The kernel refuses it too, but Ruby would take that for a passing want
# of memory and try again for ever, and `system` would pass for a program that said nothing.
module Programs
  def self.refuse(owner, *names)
    names.each do |name|
      owner.define_method(name) do |*|
        raise Errno::EPERM, "#{name}: templates start no programs"
      end
    end
  end

  def self.refuse_all
    refuse(Kernel, :system, :spawn, :fork, :exec, :`)
    refuse(Kernel.singleton_class, :system, :spawn, :fork, :exec, :`)
    refuse(Process.singleton_class, :spawn, :fork, :daemon, :exec)
    refuse(IO.singleton_class, :popen)
  end
end

class EndOfRequests < StandardError; end

def request
  line = String.new
  until line.end_with?("\n")
    begin
      line << CONTROL.sysread(1 << 16)
    rescue EOFError
      raise EndOfRequests
    end
  end
  JSON.parse(line, max_nesting: false)
end

# Reads a request, answers it and says before each template which it is.
def serve_one
  asked = request
  # Templates have no way to the next request, and start no process that could wait for it.
  $stdin.reopen(File::NULL)
  Process.setrlimit(Process::RLIMIT_NPROC, 0)
  files = asked['templates'].each_with_index.map do |template, index|
    ANSWERS.write(JSON.generate('rendering' => index) << "\n")
    render(template, asked)
  end
  ANSWERS.write(JSON.generate({ 'files' => files }, max_nesting: false) << "\n")
end

NO_MORE = 81

# As pid 1: whatever a template has started ends with its copy, before anybody is told.
def serve_many(fork)
  %w[HUP INT QUIT ALRM TERM USR1 USR2].each { |signal| trap(signal, 'IGNORE') }
  loop do
    # The copy reads, so that nothing of a request is in the memory of the next. It is made before
    # there is a request, so that none has to wait for that.
    copy = fork.call do
      serve_one
      exit!(0)
    rescue EndOfRequests
      exit!(NO_MORE)
    end
    _, status = Process.wait2(copy)
    begin
      Process.kill(:KILL, -1)
    rescue Errno::ESRCH
      # There is nobody.
    end
    begin
      loop { Process.wait }
    rescue Errno::ECHILD
      # All have ended.
    end
    exit!(0) if status.exitstatus == NO_MORE
    CONTROL.write("ended\n")
    # Drawn after the copy's end, which could not have known it.
    ANSWERS.write(CONTROL.readpartial(64))
  end
end

serves = Process.pid == 1 ? 'many' : 'one'
ANSWERS.write(JSON.generate('ruby' => RUBY_VERSION, 'serves' => serves) << "\n")
fork = Process.method(:fork)
Programs.refuse_all
if serves == 'many'
  # What a first rendering loads and remembers, no copy has to.
  warm = { 'properties' => { 'a' => [1] }, 'links' => { 'l' => { 'instances' => [{ 'index' => 0 }] } } }
  render({ 'name' => 'warm', 'text' => <<~'TEXT' }, JSON.parse(JSON.generate(warm)))
    <%- p('a').each do |x| -%>
    <%= x %> <%= p('b', 1) %> <%= spec.index %> <%= p('a').to_json %>
    <%- end -%>
    <% if_p('b') { |b| }.else { } %><% if_link('l') { |l| %><%= l.instances.map(&:index) %><% } %>
  TEXT
  3.times { GC.start }
  serve_many(fork)
else
  begin
    serve_one
  rescue EndOfRequests
    # Nobody wants anything any more.
  end
  exit!(0)
end
