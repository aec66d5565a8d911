#include "http_resources.h"

#include <i2/gateway/accept.h>
#include <i2/gateway/problem.h>
#include <i2/node/units.h>
#include <i2/wire/text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "verbs_json.h"

namespace i2::node {

using gateway::Answer;
using gateway::json_response;
using gateway::Method;
using gateway::Role;
using nlohmann::json;

namespace {

constexpr std::array<std::string_view, 3> kMetricTypes{
    "application/json", "application/openmetrics-text", "text/plain"};
constexpr std::array<std::string_view, 3> kMetricHeaders{
    "application/json", "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "text/plain; version=0.0.4; charset=utf-8"};

constexpr std::string_view kHealthSchema =
    R"({"type":"object","required":["status","layers"],"properties":{)"
    R"("status":{"enum":["ok","degraded","failed"]},"layers":{"type":"object"}}})";
constexpr std::string_view kStatusSchema =
    R"({"type":"object","required":["status"],"properties":{"status":{"type":"string"}}})";
constexpr std::string_view kMembersSchema =
    R"({"type":"object","required":["members"],"properties":{"members":{"type":"array",)"
    R"("items":{"type":"object"}},"next":{"type":"string"}}})";
constexpr std::string_view kConnectionsSchema =
    R"({"type":"object","required":["connections"],"properties":{"connections":)"
    R"({"type":"array","items":{"type":"object"}}}})";
constexpr std::string_view kText = R"({"type":"string"})";

constexpr std::size_t kPageMax = 1'000;

std::string_view name_of(fleet::Role role) {
  return role == fleet::Role::kValidator ? "validator" : "node";
}

json member_json(const fleet::MemberInfo& member, const LinkPtr& link) {
  json out{{"id", member.node_id.hex()},
           {"short_id", wire::short_id(member.node_id)},
           {"name", member.name},
           {"role", name_of(member.role)},
           {"admitted_at", format_time(member.admitted_at)},
           {"sponsor", member.sponsor.hex()},
           {"connected", link != nullptr}};
  if (link != nullptr) {
    out["address"] = link->remote.to_string();
  }
  return out;
}

}  // namespace

HttpResources::HttpResources(Parts parts)
    : parts_(std::move(parts)), started_(parts_.clock.now()) {}

void HttpResources::attach(gateway::Router& router) {
  attach_health(router);
  attach_numbers(router);
  attach_fleet(router);
}

void HttpResources::attach_health(gateway::Router& router) {
  router.add({.pattern = "/health",
              .role = Role::kAnyone,
              .summary = "How the node and its layers are",
              .tag = "health",
              .answers = {Answer{.meaning = "it works, perhaps with less", .schema = kHealthSchema},
                          Answer{.status = 503, .meaning = "failed", .schema = kHealthSchema}},
              .handler = [this](Request request) { return health(std::move(request)); }});
  router.add({.pattern = "/health/live",
              .role = Role::kAnyone,
              .summary = "Whether the process answers",
              .tag = "health",
              .answers = {Answer{.schema = kStatusSchema}},
              .handler = [](const Request&) -> Task<Response> {
                return []() -> Task<Response> { co_return json_response(R"({"status":"ok"})"); }();
              }});
  router.add({.pattern = "/health/ready",
              .role = Role::kAnyone,
              .summary = "Whether requests should be sent here",
              .tag = "health",
              .answers = {Answer{.schema = kStatusSchema},
                          Answer{.status = 503, .meaning = "not now", .schema = kStatusSchema}},
              .handler = [this](Request request) { return ready(std::move(request)); }});
}

void HttpResources::attach_numbers(gateway::Router& router) {
  router.add(
      {.pattern = "/metrics",
       .summary = "Every metric; JSON, or Prometheus and OpenMetrics text by Accept",
       .tag = "numbers",
       .answers = {Answer{},
                   Answer{
                       .meaning = "Prometheus text", .media_type = "text/plain", .schema = kText},
                   Answer{.meaning = "OpenMetrics text",
                          .media_type = "application/openmetrics-text",
                          .schema = kText}},
       .handler = [this](Request request) { return metrics(std::move(request)); }});
  router.add({.pattern = "/stats",
              .summary = "The node at a glance",
              .tag = "numbers",
              .handler = [this](Request request) { return stats(std::move(request)); }});
  router.add({.pattern = "/api/v1/events",
              .summary = "Server-sent events: `metrics` each second",
              .tag = "numbers",
              .answers = {Answer{.meaning = "a stream that does not end",
                                 .media_type = "text/event-stream",
                                 .schema = kText}},
              .handler = [this](Request request) { return events(std::move(request)); }});
}

void HttpResources::attach_fleet(gateway::Router& router) {
  router.add({.pattern = "/api/v1/members",
              .summary = "The members of the fleet, by name",
              .tag = "fleet",
              .query = {{.name = "limit",
                         .meaning = "at most so many",
                         .schema = R"({"type":"integer","minimum":1,"maximum":1000})"},
                        {.name = "after", .meaning = "those behind this name: `next` of a page"}},
              .answers = {Answer{.schema = kMembersSchema}},
              .handler = [this](Request request) { return members(std::move(request)); }});
  router.add({.pattern = "/api/v1/members/{name}",
              .summary = "One member, by name or id",
              .tag = "fleet",
              .handler = [this](Request request) { return member(std::move(request)); }});
  router.add({.pattern = "/api/v1/connections",
              .summary = "Connections to other members",
              .tag = "fleet",
              .answers = {Answer{.schema = kConnectionsSchema}},
              .handler = [this](Request request) { return connections(std::move(request)); }});
}

Task<gateway::Response> HttpResources::health(Request) {
  const telemetry::HealthReport report = parts_.layers.health();
  const bool failed = report.overall() == telemetry::Health::kFailed;
  co_return json_response(telemetry::to_json(report), failed ? 503 : 200);
}

Task<gateway::Response> HttpResources::ready(Request) {
  if (stopping_) {
    co_return json_response(R"({"status":"stopping"})", 503);
  }
  co_return json_response(R"({"status":"ok"})");
}

Task<gateway::Response> HttpResources::metrics(Request request) {
  const auto chosen = gateway::choose_media_type(request.headers.find("accept"), kMetricTypes);
  if (!chosen) {
    co_return gateway::problem(
        Error("gateway.not_acceptable", "there are JSON, OpenMetrics and Prometheus text"));
  }
  const auto report = parts_.collector.latest();
  std::string body;
  switch (*chosen) {
    case 0:
      body = telemetry::to_json(*report);
      break;
    case 1:
      body = telemetry::to_openmetrics(*report);
      break;
    default:
      body = telemetry::to_prometheus(*report);
      break;
  }
  Response out = gateway::text_response(std::move(body), kMetricHeaders[*chosen]);
  out.headers.add("vary", "accept");
  co_return out;
}

Task<gateway::Response> HttpResources::stats(Request) {
  const stoq::TransportStats stats = co_await parts_.transport.stats();
  const gateway::GatewayStats http = parts_.gateway_stats();
  const auto members = parts_.trust.members();
  const json body{
      {"node", {{"name", parts_.trust.name()}, {"id", parts_.trust.node_id().hex()}}},
      {"fleet", {{"name", members->genesis().fleet_name}, {"members", members->size()}}},
      {"peers", {{"connected", parts_.peers.links().size()}}},
      {"transport",
       {{"connections", stats.connections},
        {"bytes_sent", stats.bytes_sent},
        {"bytes_received", stats.bytes_received}}},
      {"gateway",
       {{"tcp_connections", http.tcp_connections},
        {"http3_connections", http.http3_connections},
        {"requests", http.http1_requests + http.http2_requests + http.http3_requests}}},
      {"uptime_seconds", (parts_.clock.now() - started_) / kSecond},
      {"version", I2_VERSION}};
  co_return json_response(to_line(body));
}

Task<gateway::Response> HttpResources::events(Request) {
  Response out = gateway::text_response({}, "text/event-stream");
  out.source = [this, first = std::make_shared<bool>(true)]() -> Task<std::optional<std::string>> {
    return [](HttpResources* self,
              std::shared_ptr<bool> is_first) -> Task<std::optional<std::string>> {
      if (!*is_first) {
        co_await rt::sleep_for(std::chrono::seconds(1));
      }
      *is_first = false;
      const auto report = self->parts_.collector.latest();
      co_return "event: metrics\ndata: " + telemetry::to_json(*report) + "\n\n";
    }(this, first);
  };
  co_return out;
}

Task<gateway::Response> HttpResources::members(Request request) {
  std::size_t limit = 100;
  if (const auto text = request.query_value("limit")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc{} || end != text->data() + text->size() || limit == 0 ||
        limit > kPageMax) {
      co_return gateway::problem(
          Error("gateway.request_malformed", "limit is a number from 1 to 1000"));
    }
  }
  const auto set = parts_.trust.members();
  std::vector<const fleet::MemberInfo*> all{&set->genesis().first_member};
  for (const auto& record : set->records()) {
    all.push_back(&record->info);
  }
  std::ranges::sort(all, {}, &fleet::MemberInfo::name);
  const std::string after(request.query_value("after").value_or(""));
  auto from = std::ranges::upper_bound(all, after, {}, &fleet::MemberInfo::name);
  json page = json::array();
  for (; from != all.end() && page.size() < limit; ++from) {
    page.push_back(member_json(**from, parts_.peers.link_to((*from)->node_id)));
  }
  json body{{"members", std::move(page)}};
  if (from != all.end()) {
    body["next"] = body["members"].back()["name"];
  }
  co_return json_response(to_line(body));
}

Task<gateway::Response> HttpResources::member(Request request) {
  const std::string name(request.parameter("name"));
  const auto set = parts_.trust.members();
  const fleet::MemberInfo* found = set->find(name);
  for (const auto& record : set->records()) {
    if (found == nullptr && record->info.node_id.hex() == name) {
      found = &record->info;
    }
  }
  if (found == nullptr && set->genesis().first_member.node_id.hex() == name) {
    found = &set->genesis().first_member;
  }
  if (found == nullptr) {
    co_return gateway::problem(
        Error("gateway.not_found", "the fleet has no member '" + name + "'"));
  }
  co_return json_response(to_line(member_json(*found, parts_.peers.link_to(found->node_id))));
}

Task<gateway::Response> HttpResources::connections(Request) {
  json out = json::array();
  for (const LinkPtr& link : parts_.peers.links()) {
    const LinkUse use(link);
    const LinkFacts facts = co_await on_link(use->connection.executor(), facts_of(use->connection));
    out.push_back({{"peer", peer_json(*use)},
                   {"address", facts.path.addresses.remote.to_string()},
                   {"opened_by", use->outgoing ? "this node" : "peer"},
                   {"since_seconds", (parts_.clock.now() - use->since) / kSecond},
                   {"rtt_us", facts.path.smoothed_rtt / kMicrosecond},
                   {"mtu", facts.path.mtu},
                   {"kex", facts.security.key_exchange},
                   {"auth", facts.security.authentication}});
  }
  co_return json_response(to_line({{"connections", std::move(out)}}));
}

}  // namespace i2::node
