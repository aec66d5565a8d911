#include "log_resources.h"

#include <i2/gateway/problem.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "await_answer.h"
#include "log_json.h"
#include "verbs_json.h"

namespace i2::node {
namespace {

namespace ct = trustchain::ct;
using gateway::Answer;
using gateway::Method;
using gateway::Request;
using gateway::Response;
using gateway::Role;
using nlohmann::json;

constexpr std::string_view kBase = "/ct/";
constexpr std::string_view kChainSchema =
    R"({"type":"object","required":["chain"],"properties":{"chain":{"type":"array",)"
    R"("items":{"type":"string","contentEncoding":"base64"}}}})";
constexpr std::string_view kNumber = R"({"type":"integer","minimum":0})";
constexpr std::string_view kString = R"({"type":"string"})";
constexpr std::string_view kTagName = "transparency";
// static-ct-api: what never changes may be kept, the checkpoint may not.
constexpr std::string_view kForEver = "public, max-age=604800, immutable";
constexpr std::string_view kNoStore = "no-store";

// As long as index paths of 2^32 tiles: four groups of digits and a width.
constexpr auto kTilePatterns = std::to_array<std::string_view>(
    {"/ct/tile/{level}/{a}", "/ct/tile/{level}/{a}/{b}", "/ct/tile/{level}/{a}/{b}/{c}",
     "/ct/tile/{level}/{a}/{b}/{c}/{d}", "/ct/tile/{level}/{a}/{b}/{c}/{d}/{e}"});

constexpr std::array<std::pair<std::string_view, int>, 12> kStatusOfCode{{
    {"store.disk_full", 503},
    {"trust.certificate_not_logged", 404},
    {"trust.issuance_unauthorised", 403},
    {"trust.log_backwards", 503},
    {"trust.log_busy", 503},
    {"trust.log_entry_invalid", 400},
    {"trust.log_fenced", 403},
    {"trust.log_range", 400},
    {"trust.log_restored", 503},
    {"trust.log_stopped", 503},
    {"trust.no_log", 404},
    {"trust.tile_name", 404},
}};

Response refusal(const Error& error) {
  const auto* const known =
      std::ranges::find(kStatusOfCode, error.code(), &std::pair<std::string_view, int>::first);
  if (known == kStatusOfCode.end()) {
    return gateway::problem(error);
  }
  Response out = gateway::problem(error, known->second);
  if (known->second == 503) {
    out.headers.add("retry-after", "5");  // RFC 6962 §4: the client tries again
  }
  return out;
}

std::unexpected<Error> malformed(std::string what) {
  return fail("gateway.request_malformed", std::move(what));
}

Result<std::uint64_t> number(const Request& request, std::string_view name) {
  const auto text = request.query_value(name);
  const auto value = text ? wire::from_decimal(*text) : std::nullopt;
  if (!value) {
    return malformed(std::string(name) + " has to be a number");
  }
  return *value;
}

Response answer_json(const json& body) {
  return gateway::json_response(to_line(body));
}

Response stored(ByteView bytes, std::string_view media_type, std::string_view caching) {
  Response out = gateway::text_response(std::string(as_text(bytes)), media_type);
  out.headers.add("cache-control", std::string(caching));
  return out;
}

// RFC 6962 §4.1.
Result<std::vector<crypto::Certificate>> read_chain(std::string_view body) {
  const json read = json::parse(body, nullptr, false);
  const auto list = read.is_object() ? read.find("chain") : read.end();
  if (!read.is_object() || list == read.end() || !list->is_array() ||
      list->size() > ct::kLoggedChainMax) {
    return malformed("a chain is wanted: {\"chain\":[\"<base64 of DER>\",...]}, at most 16");
  }
  std::vector<crypto::Certificate> out;
  for (const json& one : *list) {
    const auto der =
        one.is_string() ? wire::from_base64(one.get_ref<const std::string&>()) : std::nullopt;
    auto certificate = der ? crypto::Certificate::from_der(*der)
                           : Result<crypto::Certificate>(malformed("not base64"));
    if (!certificate) {
      return malformed("certificate " + std::to_string(out.size()) +
                       " of the chain: " + certificate.error().message());
    }
    out.push_back(std::move(*certificate));
  }
  return out;
}

// RFC 6962 §4.6.
Result<json> entry_json(const trustchain::LogView& view, const ct::LogEntry& entry) {
  I2_TRY_VALUE(const Bytes extra, ct::extra_data(entry.submission, [&](const Hash256& issuer) {
                 return view.issuer(issuer);
               }));
  return json{{"leaf_input", wire::to_base64(ct::merkle_tree_leaf(entry))},
              {"extra_data", wire::to_base64(extra)}};
}

}  // namespace

gateway::Handler LogResources::reading(Reader reader) {
  return [this, reader](Request request) { return read(reader, std::move(request)); };
}

gateway::Handler LogResources::adding(ct::EntryType type) {
  return [this, type](Request request) { return add(type, std::move(request)); };
}

void LogResources::attach(gateway::Router& router) {
  attach_rfc6962(router);
  attach_static(router);
  router.add({.pattern = "/ct/proof/{fingerprint}",
              .role = Role::kAnyone,
              .summary = "That a certificate is logged, to be verified offline",
              .tag = kTagName,
              .answers = {Answer{}, Answer{.status = 404, .meaning = "it is not logged"}},
              .handler = reading(&LogResources::proof)});
}

void LogResources::attach_rfc6962(gateway::Router& router) {
  const auto add_post = [&](std::string_view pattern, std::string_view summary,
                            ct::EntryType type) {
    router.add({.method = Method::kPost,
                .pattern = pattern,
                .role = Role::kAnyone,
                .summary = summary,
                .tag = kTagName,
                .request_schema = kChainSchema,
                .handler = adding(type)});
  };
  add_post("/ct/v1/add-chain", "Logs a certificate (RFC 6962 4.1)", ct::EntryType::kX509);
  add_post("/ct/v1/add-pre-chain", "Logs a precertificate (RFC 6962 4.2)", ct::EntryType::kPrecert);
  const auto add_get = [&](std::string_view pattern, std::string_view summary,
                           std::vector<gateway::Parameter> query, Reader reader) {
    router.add({.pattern = pattern,
                .role = Role::kAnyone,
                .summary = summary,
                .tag = kTagName,
                .query = std::move(query),
                .handler = reading(reader)});
  };
  add_get("/ct/v1/get-sth", "The last signed tree head (4.3)", {}, &LogResources::sth);
  add_get("/ct/v1/get-sth-consistency", "That one tree grew out of another (4.4)",
          {{.name = "first", .meaning = "the smaller size", .schema = kNumber},
           {.name = "second", .meaning = "the larger size", .schema = kNumber}},
          &LogResources::consistency);
  add_get("/ct/v1/get-proof-by-hash", "That a leaf is in a tree (4.5)",
          {{.name = "hash", .meaning = "of the leaf, in base64"},
           {.name = "tree_size", .meaning = "of the tree", .schema = kNumber}},
          &LogResources::proof_by_hash);
  add_get("/ct/v1/get-entries", "Entries, up to the end of a tile (4.6)",
          {{.name = "start", .meaning = "the first one", .schema = kNumber},
           {.name = "end", .meaning = "the last one", .schema = kNumber}},
          &LogResources::entries);
  add_get("/ct/v1/get-entry-and-proof", "One entry with its proof (4.8)",
          {{.name = "leaf_index", .meaning = "which one", .schema = kNumber},
           {.name = "tree_size", .meaning = "of the tree", .schema = kNumber}},
          &LogResources::entry_and_proof);
  add_get("/ct/v1/get-roots", "The roots that chains may lead to (4.7)", {}, &LogResources::roots);
}

void LogResources::attach_static(gateway::Router& router) {
  const auto add_file = [&](std::string_view pattern, std::string_view summary,
                            std::string_view media_type, Reader reader) {
    router.add({.pattern = pattern,
                .role = Role::kAnyone,
                .summary = summary,
                .tag = kTagName,
                .answers = {Answer{.media_type = media_type, .schema = kString}},
                .handler = reading(reader)});
  };
  add_file("/ct/checkpoint", "The last signed checkpoint (C2SP static-ct-api)", "text/plain",
           &LogResources::checkpoint);
  for (const std::string_view pattern : kTilePatterns) {
    add_file(pattern, "A tile of hashes or entries (C2SP static-ct-api)",
             "application/octet-stream", &LogResources::tile);
  }
  add_file("/ct/issuer/{fingerprint}", "A certificate of the logged chains, in DER",
           "application/pkix-cert", &LogResources::issuer);
}

gateway::Task<Response> LogResources::read(Reader reader, Request request) {
  const auto work = [this, reader, &request]() -> Result<Response> {
    I2_TRY(check_log());
    return (this->*reader)(request);
  };
  auto out = co_await rt::run_on(parts_.runtime.pool(), work);
  co_return out ? std::move(*out) : refusal(out.error());
}

Result<void> LogResources::check_log() const {
  if (parts_.log.shown() == nullptr) {
    return fail("trust.no_log", "this node has no transparency log");
  }
  return {};
}

gateway::Task<Response> LogResources::add(ct::EntryType type, Request request) {
  if (const auto there = check_log(); !there) {
    co_return refusal(there.error());
  }
  const auto parse = [this, &request]() -> Result<std::vector<crypto::Certificate>> {
    I2_TRY_VALUE(auto chain, read_chain(request.body));
    if (parts_.check && !chain.empty()) {
      I2_TRY(parts_.check(chain.front()));
    }
    return chain;
  };
  auto chain = co_await rt::run_on(parts_.runtime.pool(), parse);
  if (!chain) {
    co_return refusal(chain.error());
  }
  // Its signatures are checked there.
  std::function<void(std::function<void(Result<Bytes>)>)> start =
      [this, type, given = std::move(*chain)](const std::function<void(Result<Bytes>)>& done) {
        boost::asio::post(parts_.runtime.pool(),
                          [this, type, given, done] { log().add_chain(type, given, done); });
      };
  const Result<Bytes> sct = co_await answer_of<Result<Bytes>>(std::move(start));
  const auto body = sct ? sct_json(*sct) : Result<json>(fail(sct.error()));
  co_return body ? answer_json(*body) : refusal(body.error());
}

Result<Response> LogResources::sth(const Request&) const {
  I2_TRY_VALUE(const auto checkpoint, ct::parse_signed_checkpoint(log().view()->note()));
  I2_TRY_VALUE(const json out, sth_json(checkpoint));
  return answer_json(out);
}

Result<Response> LogResources::consistency(const Request& request) const {
  I2_TRY_VALUE(const std::uint64_t first, number(request, "first"));
  I2_TRY_VALUE(const std::uint64_t second, number(request, "second"));
  I2_TRY_VALUE(const ct::Proof proof, log().view()->consistency_proof(first, second));
  return answer_json({{"consistency", hashes_json(proof)}});
}

Result<Response> LogResources::proof_by_hash(const Request& request) const {
  I2_TRY_VALUE(const std::uint64_t size, number(request, "tree_size"));
  const auto hash = wire::hash_from_base64(request.query_value("hash").value_or(""));
  if (!hash) {
    return malformed("hash has to be 32 bytes in base64");
  }
  I2_TRY_VALUE(const auto index, log().index().find_leaf(*hash));
  if (!index) {
    return fail("trust.certificate_not_logged", "the log has no leaf with this hash");
  }
  I2_TRY_VALUE(const ct::Proof proof, log().view()->inclusion_proof(*index, size));
  return answer_json({{"leaf_index", *index}, {"audit_path", hashes_json(proof)}});
}

Result<Response> LogResources::entries(const Request& request) const {
  I2_TRY_VALUE(const std::uint64_t start, number(request, "start"));
  I2_TRY_VALUE(const std::uint64_t end, number(request, "end"));
  if (end < start) {
    return malformed("end is smaller than start");
  }
  const auto view = log().view();
  I2_TRY_VALUE(const auto found, view->entries(start, end));
  json list = json::array();
  for (const ct::LogEntry& entry : found) {
    I2_TRY_VALUE(list.emplace_back(), entry_json(*view, entry));
  }
  return answer_json({{"entries", std::move(list)}});
}

Result<Response> LogResources::entry_and_proof(const Request& request) const {
  I2_TRY_VALUE(const std::uint64_t index, number(request, "leaf_index"));
  I2_TRY_VALUE(const std::uint64_t size, number(request, "tree_size"));
  const auto view = log().view();
  I2_TRY_VALUE(const ct::Proof proof, view->inclusion_proof(index, size));
  I2_TRY_VALUE(const ct::LogEntry entry, view->entry(index));
  I2_TRY_VALUE(json out, entry_json(*view, entry));
  out["audit_path"] = hashes_json(proof);
  return answer_json(out);
}

Result<Response> LogResources::roots(const Request&) const {
  json list = json::array();
  for (const crypto::Certificate& root : log().parts().roots()) {
    list.push_back(wire::to_base64(root.der()));
  }
  return answer_json({{"certificates", std::move(list)}});
}

Result<Response> LogResources::checkpoint(const Request&) const {
  const auto view = log().view();
  const std::string note =
      parts_.cosigners != nullptr ? parts_.cosigners->checkpoint(*view) : view->note();
  return stored(as_bytes(note), "text/plain; charset=utf-8", kNoStore);
}

Result<Response> LogResources::tile(const Request& request) const {
  I2_TRY_VALUE(const ct::Tile tile,
               ct::parse_tile_path(std::string_view(request.path).substr(kBase.size())));
  auto bytes = log().view()->tile(tile);
  if (!bytes && bytes.error().is("trust.log_range")) {
    return fail("trust.tile_name", "the log has no such tile yet");
  }
  I2_TRY_VALUE(const Bytes content, std::move(bytes));
  return stored(content, "application/octet-stream", kForEver);
}

Result<Response> LogResources::issuer(const Request& request) const {
  const auto fingerprint = wire::hash_from_hex(request.parameter("fingerprint"));
  if (!fingerprint || to_hex(*fingerprint) != request.parameter("fingerprint")) {
    return fail("trust.tile_name", "an issuer is named by SHA-256, in lower-case hexadecimal");
  }
  auto der = log().view()->issuer(*fingerprint);
  if (!der && der.error().is("trust.log_object_missing")) {
    return fail("trust.tile_name", "no chain of the log has this issuer");
  }
  I2_TRY_VALUE(const Bytes content, std::move(der));
  return stored(content, "application/pkix-cert", kForEver);
}

Result<Response> LogResources::proof(const Request& request) const {
  const auto cosigned = parts_.cosigners != nullptr ? parts_.cosigners->cosigned() : std::nullopt;
  I2_TRY_VALUE(const json out, proof_json(parts_.log, request.parameter("fingerprint"), cosigned));
  return answer_json(out);
}

}  // namespace i2::node
