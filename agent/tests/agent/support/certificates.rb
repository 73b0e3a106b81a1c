# Certificates as a director makes them: RSA keys, and a country of three letters, which the command
# line of openssl refuses. One of the name "stranger" is its own authority. Usage: ruby certificates.rb DIRECTORY NAME...
require 'openssl'

directory, *names = ARGV
authority_key = OpenSSL::PKey::RSA.new(2048)

def certificate(name, key, issuer, issuer_key, serial)
  cert = OpenSSL::X509::Certificate.new
  cert.version = 2
  cert.serial = serial
  cert.subject = OpenSSL::X509::Name.new([['C', 'USA', OpenSSL::ASN1::PRINTABLESTRING],
                                          ['O', 'Cloud Foundry', OpenSSL::ASN1::UTF8STRING],
                                          ['CN', name, OpenSSL::ASN1::UTF8STRING]])
  cert.issuer = issuer ? issuer.subject : cert.subject
  cert.public_key = key.public_key
  cert.not_before = Time.now - 3600
  cert.not_after = Time.now + 2 * 86_400
  factory = OpenSSL::X509::ExtensionFactory.new(issuer || cert, cert)
  if issuer.nil?
    cert.add_extension(factory.create_extension('basicConstraints', 'CA:TRUE', true))
  elsif name.include?('director') || name.include?('agent')
    cert.add_extension(factory.create_extension('extendedKeyUsage', 'clientAuth'))
  else
    cert.add_extension(factory.create_extension('subjectAltName', 'IP:127.0.0.1,DNS:localhost'))
    cert.add_extension(factory.create_extension('extendedKeyUsage', 'serverAuth,clientAuth'))
  end
  cert.sign(issuer_key, OpenSSL::Digest.new('SHA256'))
end

authority = certificate('ca', authority_key, nil, authority_key, 1)
File.write(File.join(directory, 'ca.crt'), authority.to_pem)
names.each_with_index do |name, index|
  key = OpenSSL::PKey::RSA.new(2048)
  is_stranger = name == 'stranger'
  issuer = is_stranger ? [nil, key] : [authority, authority_key]
  cert = certificate(name, key, *issuer, index + 2)
  # PKCS #1, as a director's.
  pem = key.respond_to?(:private_to_pem) ? key.to_pem : key.export
  File.write(File.join(directory, "#{name}.key"), pem)
  File.write(File.join(directory, "#{name}.crt"), cert.to_pem)
end
