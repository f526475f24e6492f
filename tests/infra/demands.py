"""What is demanded of each resource, as tables: `policy.py` compares them with what a deployment would make."""

from __future__ import annotations

from typing import Any

from infra.bicep.standins import PLACE

REGION = "swedencentral"  # given in every deployment, and not where the resource group lies
MACHINE_LEARNING = "Microsoft.MachineLearningServices/workspaces"
STORAGE, VAULT = "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"
REGISTRY, LOGS = "Microsoft.ContainerRegistry/registries", "Microsoft.OperationalInsights/workspaces"
INSIGHTS = "Microsoft.Insights/components"
IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"
# type -> property -> the value that it has to have.
FIXED: dict[str, dict[str, Any]] = {
    STORAGE: {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "allowCrossTenantReplication": False,
        "supportsHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
        "defaultToOAuthAuthentication": True,
        "networkAcls.bypass": "AzureServices",
    },
    f"{STORAGE}/blobServices": {
        "deleteRetentionPolicy.enabled": True,
        "deleteRetentionPolicy.days": 7,
        "containerDeleteRetentionPolicy.enabled": True,
        "containerDeleteRetentionPolicy.days": 7,
    },
    VAULT: {
        "enableRbacAuthorization": True,
        "enablePurgeProtection": True,
        "enableSoftDelete": True,
        "tenantId": PLACE.tenant,
        "networkAcls.bypass": "AzureServices",
    },
    REGISTRY: {"adminUserEnabled": False, "networkRuleBypassOptions": "AzureServices"},
    MACHINE_LEARNING: {"systemDatastoresAuthMode": "Identity", "v1LegacyMode": False},
    f"{MACHINE_LEARNING}/computes": {
        "disableLocalAuth": True,
        "properties.osType": "Linux",
        "properties.vmPriority": "Dedicated",
        "properties.scaleSettings.minNodeCount": 0,
        "properties.scaleSettings.nodeIdleTimeBeforeScaleDown": "PT15M",
        "properties.remoteLoginPortPublicAccess": "Disabled",
        "properties.vmSize": "Standard_DS3_v2",  # the size in scoring/deployment.yml: one quota for both
    },
    f"{IDENTITY}/federatedIdentityCredentials": {"audiences": ["api://AzureADTokenExchange"]},
    f"{MACHINE_LEARNING}/outboundRules": {"category": "UserDefined"},
    "Microsoft.MachineLearningServices/registries": {
        "publicNetworkAccess": "Enabled",
        "regionDetails.0.location": REGION,
        "regionDetails.0.acrDetails.0.systemCreatedAcrAccount.acrAccountSku": "Premium",
        "regionDetails.0.storageAccountDetails.0.systemCreatedStorageAccount.storageAccountType": "Standard_LRS",
        "regionDetails.0.storageAccountDetails.0.systemCreatedStorageAccount.allowBlobPublicAccess": False,
    },
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {"registrationEnabled": False},
    LOGS: {
        "sku.name": "PerGB2018",
        "features.enableLogAccessUsingOnlyResourcePermissions": True,
        "workspaceCapping.dailyQuotaGb": 1,
    },
    "Microsoft.Consumption/budgets": {
        "timeGrain": "Monthly",
        "category": "Cost",
        "notifications.spent.enabled": True,
        "notifications.spent.threshold": 80,
        "notifications.spent.thresholdType": "Actual",
        "notifications.spent.contactRoles": ["Owner"],
        "notifications.expected.enabled": True,
        "notifications.expected.threshold": 100,
        "notifications.expected.thresholdType": "Forecasted",
        "notifications.expected.contactRoles": ["Owner"],
    },
    "Microsoft.Insights/diagnosticSettings": {"logs.0.enabled": True},
}
DEFINITIONS = f"{PLACE.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/"
ONE_BY_ONE = {f"{IDENTITY}/federatedIdentityCredentials", f"{MACHINE_LEARNING}/outboundRules"}
TAGS = {"tdsp.project", "tdsp.environment", "tdsp.owner"}
# Who -> where -> roles. infra/README.md says the same, with reasons; a test compares the two.
GRANTED = {
    "workflows": {
        "resource group": {"AzureML Data Scientist", "Storage Blob Data Contributor"},
        "model registry": {"AzureML Registry User"},
    },
    "workspace": {
        "storage": {"Contributor", "Storage Blob Data Contributor", "Storage File Data Privileged Contributor"},
        "vault": {"Contributor", "Key Vault Administrator"},
        "container registry": {"Contributor"},
        "Application Insights": {"Contributor"},
        "workspace": {"Contributor"},
    },
    "cluster": {"resource group": {"AcrPull", "AzureML Data Scientist", "Storage Blob Data Contributor"}},
}
PLACES = {
    STORAGE: "storage",
    VAULT: "vault",
    REGISTRY: "container registry",
    INSIGHTS: "Application Insights",
    MACHINE_LEARNING: "workspace",
    "Microsoft.MachineLearningServices/registries": "model registry",
}
ZONES = {
    "privatelink.api.azureml.ms",
    "privatelink.notebooks.azure.net",
    "privatelink.blob.core.windows.net",
    "privatelink.file.core.windows.net",
    "privatelink.vaultcore.azure.net",
    "privatelink.azurecr.io",
}
WAYS = {"amlworkspace": MACHINE_LEARNING, "blob": STORAGE, "file": STORAGE, "vault": VAULT, "registry": REGISTRY}
# type -> property -> the least and the most.
RANGES = {VAULT: {"softDeleteRetentionInDays": (7, 90)}, LOGS: {"retentionInDays": (30, 730)}}
SKUS = {STORAGE: {"name": "Standard_LRS"}, MACHINE_LEARNING: {"name": "Basic", "tier": "Basic"}}
KINDS = {STORAGE: "StorageV2", MACHINE_LEARNING: "Default", INSIGHTS: "web"}
HOSTS = ["one.example", "two.example"]  # in the deployment of everything
OUTPUTS = {"workspaceName", "clientId", "tenantId"}
WATCHED = (STORAGE, VAULT, REGISTRY, MACHINE_LEARNING)
HIDDEN = (STORAGE, VAULT, REGISTRY, MACHINE_LEARNING)
PLATFORM = {*WATCHED, LOGS, INSIGHTS}
