extension APIDescription {
    private static let refusal = ##"{"$ref": "#/components/responses/Error"}"##

    /// A path of a model, with its version and without.
    private static func model(_ suffix: String, _ method: String, _ operation: String, _ members: String) -> String {
        let name = ##"{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}"##
        let version = ##"{"name": "version", "in": "path", "required": true, "schema": {"type": "string"}}"##
        return [("", "", name), ("/versions/{version}", "Version", "\(name), \(version)")].map { path, mark, parameters in
            ##""/v2/models/{model}\##(path)\##(suffix)": {"\##(method)": {"operationId": "\##(operation)\##(mark)", "parameters": [\##(parameters)], \##(members)}}"##
        }.joined(separator: ",\n")
    }

    private static func answer(_ schema: String, _ description: String, errors: [String] = []) -> String {
        let errors = errors.map { ##""\##($0)": \##(refusal)"## }
        let good =
            ##""200": {"description": "\##(description)", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/\##(schema)"}}}}"##
        return ##""responses": {\##(([good] + errors).joined(separator: ", "))}"##
    }

    static let openInference = APIDescription(
        paths: [
            ##""/v2": {"get": {"operationId": "serverMetadata", "summary": "Name, version, extensions.", \##(answer("ServerMetadata", "What the server speaks.", errors: ["401", "429"]))}}"##,
            ##""/v2/health/live": {"get": {"operationId": "serverLive", "security": [], "summary": "Whether the process answers.", \##(answer("Live", "It does."))}}"##,
            ##""/v2/health/ready": {"get": {"operationId": "serverReady", "security": [], "summary": "Whether models are ready.", "responses": {"200": {"description": "They are.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ready"}}}}, "503": {"description": "They are not.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Ready"}}}}}}}"##,
            model(
                "", "get", "modelMetadata",
                ##""summary": "A model's input and output.", \##(answer("ModelMetadata", "As a tensor; images are taken as BYTES, too.", errors: ["400", "401", "404", "429", "503"]))"##
            ),
            model(
                "/ready", "get", "modelReady",
                ##""summary": "Whether a model can be asked.", "responses": {"200": {"description": "It can.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ModelReady"}}}}, "400": \##(refusal), "404": \##(refusal), \##(keyRefusals("Error")), "503": {"description": "Not now.", "content": {"application/json": {"schema": {"anyOf": [{"$ref": "#/components/schemas/ModelReady"}, {"type": "object", "required": ["error"]}]}}}}}"##
            ),
            model(
                "/config", "get", "modelConfiguration",
                ##""summary": "As Triton's configuration has it.", \##(answer("ModelConfiguration", "Largest batch, input, output.", errors: ["400", "401", "404", "429", "503"]))"##
            ),
            model(
                "/stats", "get", "modelStatistics",
                ##""summary": "What has become of a model's inputs.", \##(answer("ModelStatistics", "Counts, and nanoseconds altogether.", errors: ["400", "401", "404", "429", "503"]))"##
            ),
            model(
                "/infer", "post", "infer",
                #"""
                "summary": "Runs a model on tensors (FP32, [N, 3, height, width]) or image files (BYTES, [N]).",
                "description": "Binary tensors may follow the JSON, whose length Inference-Header-Content-Length then says; where it is 0, the body is the input itself. Outputs: logits (what is given where none is asked for), probabilities, features. parameters.timeout is in microseconds; parameters.priority is 1, or 2 and more for the low one.",
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {"$ref": "#/components/schemas/InferenceRequest"},
                      "example": {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": ["/9j/4AAQSkZJRg=="]}], "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}]}
                    },
                    "application/octet-stream": {"schema": {}}
                  }
                },
                "responses": {
                  "200": {
                    "description": "The outputs; binary ones follow the JSON.",
                    "content": {
                      "application/json": {
                        "schema": {"$ref": "#/components/schemas/InferenceAnswer"},
                        "example": {"model_name": "seresnet34.tiny_imagenet", "model_version": "1", "outputs": [{"name": "probabilities", "datatype": "BYTES", "shape": [1, 1], "data": ["0.93:68:espresso"]}]}
                      },
                      "application/octet-stream": {"schema": {}}
                    }
                  },
                  \#(refusals("Error"))
                }
                """#),
            ##""/v2/repository/index": {"post": {"operationId": "repositoryIndex", "summary": "The models and whether they are ready.", \##(answer("RepositoryIndex", "One entry a model.", errors: ["401", "429"]))}}"##,
        ].joined(separator: ",\n")
            + ["load", "unload"].map { verb in
                #"""
                ,
                "/v2/repository/models/{model}/\#(verb)": {"post": {"operationId": "\#(verb)Model", "summary": "Have a model \#(verb)ed, all versions of it that are served, where the server was started with --admin.", "parameters": [{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}], "responses": {"200": {"description": "It is \#(verb)ed."}, "400": \#(refusal), "403": \#(refusal), \#(keyRefusals("Error")), "503": \#(refusal)}}}
                """#
            }.joined(),
        schemas: #"""
            "ServerMetadata": {"type": "object", "required": ["name", "version", "extensions"], "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "extensions": {"type": "array", "items": {"type": "string"}}}},
            "Live": {"type": "object", "required": ["live"], "properties": {"live": {"type": "boolean"}}},
            "Ready": {"type": "object", "required": ["ready"], "properties": {"ready": {"type": "boolean"}}},
            "ModelReady": {"type": "object", "required": ["name", "ready"], "properties": {"name": {"type": "string"}, "ready": {"type": "boolean"}}},
            "TensorMetadata": {"type": "object", "required": ["name", "datatype", "shape"], "properties": {"name": {"type": "string"}, "datatype": {"type": "string"}, "shape": {"type": "array", "items": {"type": "integer"}}}},
            "ModelMetadata": {
              "type": "object",
              "required": ["name", "versions", "platform", "inputs", "outputs"],
              "properties": {
                "name": {"type": "string"}, "versions": {"type": "array", "items": {"type": "string"}}, "platform": {"type": "string"},
                "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}},
                "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/TensorMetadata"}}
              }
            },
            "ModelConfiguration": {"type": "object", "required": ["name", "max_batch_size", "input", "output"], "properties": {"name": {"type": "string"}, "max_batch_size": {"type": "integer"}, "input": {"type": "array"}, "output": {"type": "array"}}},
            "ModelStatistics": {"type": "object", "required": ["model_stats"], "properties": {"model_stats": {"type": "array", "items": {"type": "object"}}}},
            "RepositoryIndex": {"type": "array", "items": {"type": "object", "required": ["name", "version", "state", "reason"], "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "state": {"type": "string", "enum": ["READY", "LOADING", "UNAVAILABLE"]}, "reason": {"type": "string"}}}},
            "InferenceRequest": {
              "type": "object",
              "required": ["inputs"],
              "properties": {
                "id": {"type": "string"},
                "parameters": {"type": "object", "properties": {"timeout": {"type": "integer", "minimum": 0, "maximum": 86400000000}, "priority": {"type": "integer", "minimum": 0}, "binary_data_output": {"type": "boolean"}}},
                "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/components/schemas/InferenceInput"}},
                "outputs": {"type": "array", "maxItems": 3, "items": {"$ref": "#/components/schemas/InferenceOutput"}}
              }
            },
            "InferenceInput": {
              "type": "object",
              "required": ["name", "datatype", "shape"],
              "properties": {
                "name": {"type": "string", "description": "Any: a model has one input."},
                "datatype": {"type": "string", "enum": ["FP32", "BYTES"]},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer", "minimum": 0}}},
                "data": {"type": "array", "description": "Numbers, nested or flat; or images in base64."}
              }
            },
            "InferenceOutput": {
              "type": "object",
              "required": ["name"],
              "properties": {
                "name": {"type": "string", "enum": ["logits", "probabilities", "features"]},
                "parameters": {"type": "object", "properties": {"classification": {"type": "integer", "minimum": 0}, "binary_data": {"type": "boolean"}}}
              }
            },
            "InferenceAnswer": {
              "type": "object",
              "required": ["model_name", "model_version", "outputs"],
              "properties": {
                "model_name": {"type": "string"}, "model_version": {"type": "string"}, "id": {"type": "string"},
                "outputs": {"type": "array", "items": {"type": "object", "required": ["name", "datatype", "shape"], "properties": {"name": {"type": "string"}, "datatype": {"type": "string"}, "shape": {"type": "array", "items": {"type": "integer"}}, "data": {"type": "array"}}}}
              }
            }
            """#)
}
