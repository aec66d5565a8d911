#include <i2/base/assert.h>
#include <i2/stoq/bytes.h>
#include <i2/wire/reader.h>
#include <i2/wire/text.h>

#include <map>

namespace i2::stoq {
namespace {

constexpr std::size_t kNameMax = 128;

bool is_service_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && wire::is_utf8(name);
}

// The varint length and the name. Error: stoq.service_name_invalid, and those of Stream::read().
Task<Result<std::string>> read_name(Stream stream) {
  Bytes head;
  for (;;) {
    const Result<Bytes> byte = co_await stream.read_exactly(1);
    if (!byte) {
      co_return fail(byte.error());
    }
    head.push_back(byte->front());
    wire::Reader reader(head);
    const std::uint64_t size = reader.varint();
    if (!reader.ok()) {
      continue;  // at most 8 bytes
    }
    if (size == 0 || size > kNameMax) {
      break;
    }
    const Result<Bytes> name = co_await stream.read_exactly(size);
    if (!name) {
      co_return fail(name.error());
    }
    if (is_service_name(as_text(*name))) {
      co_return std::string(as_text(*name));
    }
    break;
  }
  co_return fail("stoq.service_name_invalid", "the peer asked for a service by no proper name");
}

}  // namespace

struct ByteServices::Table {
  std::map<std::string, StreamHandler, std::less<>> services;
};

ByteServices::ByteServices() : table_(std::make_shared<Table>()) {}

void ByteServices::add(std::string name, StreamHandler handler) {
  I2_ASSERT(is_service_name(name));
  table_->services[std::move(name)] = std::move(handler);
}

void ByteServices::attach(StreamDispatcher& dispatcher) {
  dispatcher.add(StreamType::kBytes, [table = table_](Connection connection, Stream stream) {
    return serve(table, std::move(connection), std::move(stream));
  });
}

Task<void> ByteServices::serve(std::shared_ptr<const Table> table, Connection connection,
                               Stream stream) {
  const Result<std::string> name = co_await read_name(stream);
  if (!name) {
    refuse_stream(stream, AppError::kProtocol);
    co_return;
  }
  const auto found = table->services.find(*name);
  if (found == table->services.end()) {
    refuse_stream(stream, AppError::kRefused);
    co_return;
  }
  co_await found->second(std::move(connection), std::move(stream));
}

Task<Result<Stream>> open_bytes(Connection connection, std::string name) {
  if (!is_service_name(name)) {
    co_return fail("stoq.service_name_invalid",
                   "a service name has 1 to " + std::to_string(kNameMax) + " bytes of UTF-8");
  }
  Result<Stream> stream = co_await connection.open_stream(StreamType::kBytes);
  if (!stream) {
    co_return stream;
  }
  Bytes head;
  wire::Writer writer(head);
  writer.varint(name.size());
  writer.bytes(as_bytes(name));
  const Result<void> written = co_await stream->write(Chunk(std::move(head)));
  if (!written) {
    co_return fail(written.error());
  }
  co_return stream;
}

}  // namespace i2::stoq
