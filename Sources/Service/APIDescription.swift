/// What a dialect says of its routes in OpenAPI 3.1, as the members of JSON objects.
package struct APIDescription: Sendable {
    /// A member a path: its methods.
    var paths = ""
    /// Methods, as members of a path's object, by path: beside those that another dialect has there.
    var methods: [String: String] = [:]
    /// Members of `components.responses`, under names that no other dialect has.
    var responses = ""
    /// Members of `components.schemas`, under names that no other dialect has.
    var schemas = ""

    /// A reference to the response for each status that a route of the pool's may refuse a request with: members of `responses`.
    ///
    /// - Parameters:
    ///   - error: the response's name.
    ///   - again: the name of that which says when to come back.
    static func refusals(_ error: String, again: String? = nil) -> String {
        "\"304\": {\"$ref\": \"#/components/responses/NotModified\"}, "
            + references([400, 401, 404, 408, 413, 415, 429, 500, 501, 503, 504], error, again)
    }

    /// The same of a route that only a key's lack or limits have refused.
    static func keyRefusals(_ error: String, again: String? = nil) -> String { references([401, 429], error, again) }

    private static func references(_ statuses: [Int], _ error: String, _ again: String?) -> String {
        statuses.map { status in
            let name = [429, 503].contains(status) ? again ?? error : error
            return "\"\(status)\": {\"$ref\": \"#/components/responses/\(name)\"}"
        }.joined(separator: ", ")
    }
}

extension APIDescription {
    /// The whole interface: what `/openapi.json` answers.
    ///
    /// - Parameter asksForKeys: whether every route but those with an empty `security` of their own needs one.
    static func document(_ parts: [APIDescription], asksForKeys: Bool) -> String {
        let security = asksForKeys ? #""security": [{"bearer": []}, {"key": []}],"# : ""
        func members(_ texts: [String]) -> String { texts.filter { !$0.isEmpty }.joined(separator: ",\n") }
        var paths = members(parts.map(\.paths))
        for (path, methods) in parts.flatMap(\.methods).sorted(by: { $0.key < $1.key }) {
            let start = "\"\(path)\": {"
            if let there = paths.firstRange(of: start) {
                paths.insert(contentsOf: "\n\(methods),", at: there.upperBound)
            } else {
                paths = members([paths, "\(start)\n\(methods)\n}"])
            }
        }
        let responses = members([sharedResponses] + parts.map(\.responses))
        let schemas = members([sharedSchemas] + parts.map(\.schemas))
        return #"""
            {
              "openapi": "3.1.0",
              "info": {
                "title": "Excite",
                "version": "\#(Build.version)",
                "summary": "Labels photographs.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}
              },
              "servers": [{"url": "/"}],\#(security)
              "paths": {
            \#(paths)
              },
              "components": {
                "securitySchemes": {
                  "bearer": {"type": "http", "scheme": "bearer", "description": "A key of the server's file of keys."},
                  "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The same."}
                },
                "parameters": {
                  "X-Deadline-Ms": {"name": "X-Deadline-Ms", "in": "header", "description": "Milliseconds that the client will wait. What cannot be done by then is refused with 429, what was not begun by then is dropped with 504.", "schema": {"type": "integer", "minimum": 1, "maximum": 86400000}},
                  "X-Priority": {"name": "X-Priority", "in": "header", "description": "low: yields to other requests, and is refused with 429 at half their queue.", "schema": {"type": "string", "enum": ["normal", "low"], "default": "normal"}}
                },
                "headers": {
                  "X-Request-Id": {"description": "The request's own, or one made up.", "schema": {"type": "string"}},
                  "ETag": {"description": "With --cache: of what was asked and of the model as it was loaded. A request that has it in If-None-Match is answered with 304.", "schema": {"type": "string"}},
                  "Cache-Status": {"description": "With --cache (RFC 9211): whether every image was answered from the cache. A request with Cache-Control: no-cache passes it by.", "schema": {"type": "string"}},
                  "Retry-After": {"description": "When to come back, in seconds, from the measured rate.", "schema": {"type": "integer", "minimum": 1}}
                },
                "responses": {
            \#(responses)
                },
                "schemas": {
            \#(schemas)
                }
              }
            }
            """#
    }

    /// The body of a request with images: a form's field of that name, which can be repeated, or the image itself.
    static func imageBody(field: String) -> String {
        #"""
        "requestBody": {
          "required": true,
          "content": {
            "multipart/form-data": {
              "schema": {
                "type": "object",
                "required": ["\#(field)"],
                "properties": {"\#(field)": {"type": "array", "minItems": 1, "items": {"type": "string", "contentMediaType": "image/*"}}}
              }
            },
            "image/*": {"schema": {}},
            "application/octet-stream": {"schema": {}}
          }
        }
        """#
    }

    /// The schema of an `ImageAnswer` with entries of that schema.
    static func imageAnswer(of entry: String) -> String {
        let entry = ##"{"$ref": "#/components/schemas/\##(entry)"}"##
        return #"""
            {
              "oneOf": [
                {"allOf": [{"type": "object", "required": ["model"], "properties": {"model": {"type": "string"}, "version": {"type": "integer"}}}, \#(entry)]},
                {
                  "type": "object",
                  "required": ["model", "results"],
                  "properties": {
                    "model": {"type": "string"},
                    "version": {"type": "integer", "description": "Of a model that has versions."},
                    "results": {"type": "array", "minItems": 2, "items": {"oneOf": [\#(entry), {"$ref": "#/components/schemas/Failure"}]}}
                  }
                }
              ]
            }
            """#
    }

    /// What several dialects speak of.
    private static let sharedResponses = #"""
        "Error": {
          "description": "What was wrong and what to do.",
          "content": {
            "application/json": {"schema": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}},
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
          }
        },
        "NotModified": {
          "description": "With --cache: the client has the answer already, by its If-None-Match.",
          "headers": {"ETag": {"$ref": "#/components/headers/ETag"}, "Cache-Status": {"$ref": "#/components/headers/Cache-Status"}}
        },
        "Text": {"description": "What there is to say, in words.", "content": {"text/plain": {"schema": {"type": "string"}}}},
        "Problem": {
          "description": "What was wrong and what to do.",
          "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
          "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        },
        "TryAgain": {
          "description": "Not now: what was wrong and when to come back.",
          "headers": {
            "X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"},
            "Retry-After": {"$ref": "#/components/headers/Retry-After"}
          },
          "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        }
        """#

    /// What several dialects speak of.
    private static let sharedSchemas = #"""
        "Image": {
          "type": "object",
          "required": ["format", "width", "height", "orientation", "mode"],
          "properties": {
            "format": {"type": "string", "enum": ["jpeg", "png", "webp"]},
            "width": {"type": "integer", "minimum": 1, "description": "As stored."},
            "height": {"type": "integer", "minimum": 1, "description": "As stored."},
            "orientation": {"type": "integer", "minimum": 1, "maximum": 8, "description": "What EXIF says; 1 is upright."},
            "mode": {"type": "string", "description": "How colour is stored: gray, gray_alpha, rgb, rgba, palette or cmyk."},
            "warnings": {"type": "array", "description": "What was passed over, in words; absent where nothing was.", "items": {"type": "string"}}
          }
        },
        "Timing": {
          "type": "object",
          "description": "Where the time went, in milliseconds.",
          "required": ["receive", "decode", "queue", "inference", "total"],
          "properties": {
            "receive": {"type": "number", "description": "Until the request's body was here."},
            "decode": {"type": "number", "description": "Decoding, resizing and cropping."},
            "queue": {"type": "number", "description": "Waiting."},
            "inference": {"type": "number", "description": "The batch's run."},
            "total": {"type": "number"}
          }
        },
        "Failure": {
          "type": "object",
          "required": ["error"],
          "properties": {"error": {"$ref": "#/components/schemas/Problem"}}
        },
        "Problem": {
          "type": "object",
          "description": "RFC 9457.",
          "required": ["status", "title", "detail", "code"],
          "properties": {
            "status": {"type": "integer"},
            "title": {"type": "string"},
            "detail": {"type": "string", "description": "What was wrong and what to do."},
            "code": {"type": "string", "description": "Stays the same: for programs to branch on."}
          }
        }
        """#
}
