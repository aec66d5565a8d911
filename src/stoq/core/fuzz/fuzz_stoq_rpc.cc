// The bytes of an RPC stream: records in arbitrary pieces, requests and statuses in them. The first
// byte says into how large pieces the rest is cut.
#include <i2/base/assert.h>
#include <i2/stoq/core/rpc_codec.h>

#include <algorithm>

namespace i2::stoq::core {
namespace {

constexpr RecordReader::Limits kLimits{.type_max = kRpcRecordMax, .body_max = 4'096};

// All records, and the error that ended them.
std::pair<std::vector<Record>, bool> cut(ByteView input, std::size_t piece) {
  RecordReader reader(kLimits);
  std::vector<Record> records;
  while (!input.empty()) {
    ByteView view = input.first(std::min(piece, input.size()));
    input = input.subspan(view.size());
    while (!view.empty()) {
      auto next = reader.next(view);
      if (!next) {
        return {std::move(records), false};
      }
      if (*next) {
        I2_ASSERT((*next)->type >= 1 && (*next)->type <= kLimits.type_max);
        I2_ASSERT((*next)->body.size() <= kLimits.body_max);
        records.push_back(std::move(**next));
      }
    }
  }
  return {std::move(records), true};
}

void check(const Record& record) {
  if (const auto request = decode_rpc_request(record.body)) {
    I2_ASSERT(is_rpc_method(request->method));
    I2_ASSERT(decode_rpc_request(encode(*request)).value_or(RpcRequest{}) == *request);
  }
  if (const auto status = decode_rpc_status(record.body); status && !*status) {
    const auto again = decode_rpc_status(encode_rpc_status(*status));
    I2_ASSERT(again && !*again);
    I2_ASSERT(again->error().code() == status->error().code());
    I2_ASSERT(again->error().native() == status->error().native());
  }
}

}  // namespace
}  // namespace i2::stoq::core

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace i2::stoq::core;
  if (size == 0) {
    return 0;
  }
  const i2::ByteView input = i2::ByteView(data, size).subspan(1);
  const auto whole = cut(input, std::max<std::size_t>(1, input.size()));
  I2_ASSERT(cut(input, data[0] % 64 + 1) == whole);
  std::ranges::for_each(whole.first, check);
  return 0;
}
